// @ts-check
import { bench } from "./bench.js";
import { chooser } from "./chooser.js";
import { clinic } from "./clinic.js";
import { quiz } from "./quiz.js";
import { repeat } from "./repeat.js";
/** @import { Model } from "./types.js" */

/** @type {Record<string, (model: Model, el: HTMLElement) => () => void>} */
const KINDS = { bench, chooser, clinic, quiz, repeat };

/**
 * Show a bench, a quiz, a clinic, the chooser, or what to repeat.
 *
 * @param {{model: Model, el: HTMLElement}} place
 * @returns {() => void} takes it down again
 */
export function render({ model, el }) {
  if (!el.closest(".vgp")) el.classList.add("vgp");
  // JupyterLab takes the arrows for the notebook, unless what has the focus is marked like this.
  el.addEventListener("focusin", ({ target }) => {
    if (target instanceof HTMLElement) target.dataset.lmSuppressShortcuts = "true";
  });
  const still = model.get("live") ? document.getElementById(model.get("spec").id) : null;
  if (still) still.hidden = true; // it stands for the widget where there is no kernel
  const remove = KINDS[model.get("kind")](model, el);
  return () => {
    remove();
    if (still) still.hidden = false;
  };
}
