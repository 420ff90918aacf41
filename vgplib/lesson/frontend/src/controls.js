// @ts-check
import { h, say } from "./dom.js";
import { menu } from "./menu.js";
import { nearest, positions, show } from "./settings.js";
import { several } from "./several.js";
import { prose } from "./text.js";
/** @import { BenchSpec, Choice, Settings, Slider, Value } from "./types.js" */

const MANY = 14; // options; as buttons, more would push the chart out of the window

/**
 * The controls of a bench. They are built once; `show` moves them.
 *
 * @param {BenchSpec} spec
 * @param {boolean} live
 * @param {Moved} moved
 */
export function makeControls(spec, live, moved) {
  const parts = spec.controls.map((control) => {
    const id = `${spec.id}-${control.name}`;
    if (control.kind === "slider") return slider(control, id, live, moved);
    if (control.most) return several(control, id, control.most, moved);
    return (control.options.length > MANY ? menu : choice)(control, id, moved);
  });
  return {
    elements: parts.map((part) => part.element),
    /**
     * @param {Settings} settings
     * @param {Map<string, number>} seats which look each of several options has
     */
    show: (settings, seats) =>
      parts.forEach((part, k) => part.show(settings[spec.controls[k].name], seats)),
    /** From now on, only what was measured ahead of time can be chosen. */
    toTable: () => parts.forEach((part) => part.toTable()),
  };
}

/**
 * The reader moved a control; `rests` when it was let go of, so that a drag is one move.
 *
 * @typedef {{(name: string, value: Value): void, rests(): void}} Moved
 */

/**
 * @param {Choice} control
 * @param {string} id
 * @param {Moved} moved
 */
function choice(control, id, moved) {
  const inputs = control.options.map((option) =>
    h("input", {
      type: "radio",
      name: id,
      value: option.value,
      onchange: () => {
        moved(control.name, option.value);
        moved.rests();
      },
    }),
  );
  const buttons = inputs.map((input, k) =>
    h("label", { class: "vgp-choice" }, input, h("span", {}, control.options[k].label)),
  );
  const letters = control.options.every((option) => option.label.length <= 2);
  const element = h(
    "div",
    { class: "vgp-control" },
    h("div", { class: "vgp-label", id: `${id}-label` }, h("span", {}, prose(control.label))),
    h(
      "div",
      {
        class: letters ? "vgp-choices vgp-letters" : "vgp-choices",
        role: "radiogroup",
        "aria-labelledby": `${id}-label`,
      },
      buttons,
    ),
  );
  return {
    element,
    show: (/** @type {Value} */ value) =>
      inputs.forEach((input, k) => (input.checked = control.options[k].value === value)),
    toTable() {},
  };
}

/**
 * @param {Slider} control
 * @param {string} id
 * @param {boolean} live
 * @param {Moved} moved
 */
function slider(control, id, live, moved) {
  let values = positions(control, live);
  const output = h("output", { class: "vgp-value", for: id });
  const input = h("input", {
    type: "range",
    id,
    min: 0,
    max: values.length - 1,
    step: 1,
    oninput: () => moved(control.name, values[input.valueAsNumber]),
    onchange: () => moved.rests(),
  });
  const element = h(
    "div",
    { class: "vgp-control" },
    h("div", { class: "vgp-label" }, h("label", { for: id }, prose(control.label)), output),
    input,
  );
  return {
    element,
    show: (/** @type {Value} */ value) => {
      const at = nearest(values, value);
      const text = show(control, value);
      if (input.valueAsNumber !== at) input.valueAsNumber = at;
      input.style.setProperty("--vgp-fill", `${(100 * at) / Math.max(1, values.length - 1)}%`);
      input.setAttribute("aria-valuetext", text);
      say(output, text);
    },
    toTable() {
      values = positions(control, false);
      input.max = String(values.length - 1);
    },
  };
}
