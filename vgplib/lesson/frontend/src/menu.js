// @ts-check
import { h, say } from "./dom.js";
import { plain, prose } from "./text.js";
/** @import { Choice, Value } from "./types.js" */
/** @import { Moved } from "./controls.js" */

/**
 * A choice of many options: a list that unfolds, so that the chart stays beside it, and buttons
 * that go through it one by one while the chart is watched.
 *
 * @param {Choice} control
 * @param {string} id
 * @param {Moved} moved
 */
export function menu({ name, label, options }, id, moved) {
  const select = h(
    "select",
    { id, class: "vgp-menu", onchange: () => go(select.selectedIndex) },
    options.map((option) => h("option", { value: option.value }, option.label)),
  );
  const told = h("span", { class: "vgp-told", role: "status" });
  /** @param {number} k */
  function go(k) {
    moved(name, options[k].value);
    moved.rests();
  }
  const step = (/** @type {string} */ sign, /** @type {string} */ word, /** @type {number} */ by) =>
    h(
      "button",
      {
        type: "button",
        class: "vgp-toggle",
        "aria-label": `${word}: ${plain(label)}`,
        onclick: () => {
          go((select.selectedIndex + by + options.length) % options.length); // round and round
          say(told, options[select.selectedIndex].label);
        },
      },
      sign,
    );
  return {
    element: h(
      "div",
      { class: "vgp-control" },
      h("div", { class: "vgp-label" }, h("label", { for: id }, prose(label))),
      h("div", { class: "vgp-steps" }, select, step("‹", "Previous", -1), step("›", "Next", 1)),
      told,
    ),
    show: (/** @type {Value} */ value) => void (select.value = String(value)),
    toTable() {},
  };
}
