// @ts-check
import { bench } from "./bench.js";
import { chooser } from "./chooser.js";
import { quiz } from "./quiz.js";
/** @import { Model } from "./types.js" */

/**
 * Show a bench, a quiz or the chooser.
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
  const part = { bench, chooser, quiz }[/** @type {"bench"} */ (model.get("kind"))];
  const remove = part(model, el);
  return () => {
    remove();
    if (still) still.hidden = false;
  };
}
