// @ts-check
import { h, say } from "./dom.js";
import { nearest, positions, show } from "./settings.js";
import { prose } from "./text.js";
/** @import { BenchSpec, Choice, Settings, Slider, Value } from "./types.js" */

/**
 * The controls of a bench. They are built once; `show` moves them.
 *
 * @param {BenchSpec} spec
 * @param {boolean} live
 * @param {(name: string, value: Value) => void} moved the reader moved one
 * @returns {{elements: HTMLElement[], show(settings: Settings): void}}
 */
export function makeControls(spec, live, moved) {
  const parts = spec.controls.map((control) =>
    control.kind === "choice"
      ? choice(control, `${spec.id}-${control.name}`, moved)
      : slider(control, `${spec.id}-${control.name}`, live, moved),
  );
  return {
    elements: parts.map((part) => part.element),
    show: (settings) => parts.forEach((part, k) => part.show(settings[spec.controls[k].name])),
  };
}

/**
 * @param {Choice} control
 * @param {string} id
 * @param {(name: string, value: Value) => void} moved
 */
function choice(control, id, moved) {
  const inputs = control.options.map((option) =>
    h("input", {
      type: "radio",
      name: id,
      value: option.value,
      onchange: () => moved(control.name, option.value),
    }),
  );
  const buttons = inputs.map((input, k) =>
    h("label", { class: "vgp-choice" }, input, h("span", {}, control.options[k].label)),
  );
  const element = h(
    "div",
    { class: "vgp-control" },
    h("div", { class: "vgp-label", id: `${id}-label` }, h("span", {}, prose(control.label))),
    h(
      "div",
      { class: "vgp-choices", role: "radiogroup", "aria-labelledby": `${id}-label` },
      buttons,
    ),
  );
  return {
    element,
    show: (/** @type {Value} */ value) =>
      inputs.forEach((input, k) => (input.checked = control.options[k].value === value)),
  };
}

/**
 * @param {Slider} control
 * @param {string} id
 * @param {boolean} live
 * @param {(name: string, value: Value) => void} moved
 */
function slider(control, id, live, moved) {
  const values = positions(control, live);
  const output = h("output", { class: "vgp-value", for: id });
  const input = h("input", {
    type: "range",
    id,
    min: 0,
    max: values.length - 1,
    step: 1,
    oninput: () => moved(control.name, values[input.valueAsNumber]),
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
  };
}

/**
 * Two switches: theory, and the run to keep and compare with.
 *
 * @param {BenchSpec} spec
 * @param {{theory(on: boolean): void, keep(on: boolean): void}} switched
 */
export function makeCompare({ id, controls }, switched) {
  const theory = toggle("theory", true, switched.theory);
  const keep = toggle("keep this run", false, switched.keep);
  keep.button.hidden = !controls.length; // there is no other run
  const element = h(
    "div",
    { class: "vgp-control vgp-compare" },
    h("div", { class: "vgp-label", id: `${id}-compare` }, "Compare with"),
    h(
      "div",
      { class: "vgp-choices", role: "group", "aria-labelledby": `${id}-compare` },
      theory.button,
      keep.button,
    ),
  );
  return {
    element,
    /** @param {string | undefined} name of the dashed line, where there is one */
    offerTheory: (name) => {
      if (name) say(theory.button, name);
      theory.button.hidden = !name;
      element.hidden = !name && keep.button.hidden;
    },
    reset: () => (theory.set(true), keep.set(false)),
  };
}

/**
 * @param {string} name
 * @param {boolean} on
 * @param {(on: boolean) => void} switched
 */
function toggle(name, on, switched) {
  const set = (/** @type {boolean} */ next) => button.setAttribute("aria-pressed", String(next));
  const button = h(
    "button",
    {
      type: "button",
      class: "vgp-toggle",
      onclick: () => {
        const next = button.getAttribute("aria-pressed") !== "true";
        set(next);
        switched(next);
      },
    },
    name,
  );
  set(on);
  return { button, set };
}
