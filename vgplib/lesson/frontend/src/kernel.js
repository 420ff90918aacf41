// @ts-check
/** @import { Model } from "./types.js" */

const GONE = new Set(["dead", "terminating", "restarting", "autorestarting"]);

export const GONE_WORDS =
  "The kernel is gone, so PyTorch can't measure new settings. Those that were measured ahead of " +
  "time still work. For the rest, restart the kernel and run this cell again.";
export const SILENT_WORDS =
  "The kernel hasn't answered yet. It may be busy with another cell; if it's gone, restart it and " +
  "run this cell again.";

/**
 * Be told when the kernel behind a widget ends, where the front end lets us see it. A kernel that
 * was restarted knows nothing of this widget.
 *
 * @param {Model} model
 * @param {() => void} lost
 * @returns {() => void} stops watching
 */
export function watchKernel(model, lost) {
  const kernel = model.widget_manager?.kernel;
  if (!kernel?.statusChanged) return () => {};
  const heard = (/** @type {unknown} */ _, /** @type {string} */ status) => {
    if (GONE.has(status)) lost();
  };
  kernel.statusChanged.connect(heard);
  kernel.disposed?.connect(lost);
  return () => {
    kernel.statusChanged.disconnect(heard);
    kernel.disposed?.disconnect(lost);
  };
}
