// @ts-check
/** @import { Model } from "./types.js" */

/**
 * A model for a page without a kernel: it remembers what is set, and tells who listens.
 *
 * @param {Record<string, any>} state
 * @returns {Model}
 */
export function pageModel(state) {
  /** @type {Map<string, Set<() => void>>} */
  const ears = new Map();
  return {
    get: (name) => state[name],
    set(name, value) {
      state[name] = value;
      ears.get(`change:${name}`)?.forEach((ear) => ear());
    },
    save_changes() {},
    send() {},
    on: (event, ear) => ears.set(event, (ears.get(event) ?? new Set()).add(ear)),
    off: (event, ear) => ears.get(event)?.delete(ear),
  };
}
