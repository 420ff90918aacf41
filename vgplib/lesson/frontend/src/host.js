// @ts-check
import { h } from "./dom.js";
import { render } from "./render.js";
/** @import { Model } from "./types.js" */

/**
 * A model for a page without a kernel: it remembers what is set, and tells who listens.
 *
 * @param {Record<string, any>} state
 * @returns {Model}
 */
function pageModel(state) {
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

/**
 * Keep the paragraph that tells what was seen from telling it before the reader has guessed.
 *
 * @param {Element} place a bench that asks first
 */
function veil(place) {
  const all = [...document.querySelectorAll("[data-vgp], .vgp-saw")];
  const saw = all[all.indexOf(place) + 1];
  if (!saw?.classList.contains("vgp-saw")) return;
  saw.classList.add("vgp-veiled");
  place.addEventListener("vgp-reveal", () => saw.classList.remove("vgp-veiled"));
}

/** Put a bench or a quiz in place of every picture that can be one. */
function mount() {
  for (const place of document.querySelectorAll("[data-vgp]:not(.vgp-on)")) {
    const script = place.querySelector("script.vgp-state");
    const el = h("div", { class: "vgp-mount" });
    place.append(el);
    place.classList.add("vgp-on"); // first: the chart asks how wide its place is
    try {
      render({ model: pageModel(JSON.parse(script?.textContent ?? "")), el });
      if (el.querySelector(".vgp-predicting")) veil(place);
    } catch (error) {
      // The picture stays, and with it its description and its table.
      place.classList.remove("vgp-on");
      el.remove();
      console.error(`vgp: ${place.id} stays a picture:`, error);
    }
  }
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", mount);
else mount();
