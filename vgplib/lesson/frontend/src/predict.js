// @ts-check
import { h } from "./dom.js";
import { figures, number, parseNumber } from "./numbers.js";
import { plain, prose } from "./text.js";
/** @import { BenchSpec, ChoicePrediction, Frame, NumericPrediction } from "./types.js" */

/**
 * A question to answer before the chart shows.
 *
 * @param {BenchSpec} spec
 * @param {NonNullable<BenchSpec["predict"]>} question
 * @param {() => Frame | null} frame what the chart will show
 * @param {() => void} reveal
 */
export function makePredict(spec, question, frame, reveal) {
  const part = "numeric" in question ? typed(spec, question, frame) : chosen(spec, question);
  const result = h("div", { class: "vgp-result", role: "status" });
  const buttons = h(
    "div",
    { class: "vgp-actions" },
    h("button", { type: "submit", class: "vgp-button" }, "Check my guess"),
    h(
      "button",
      { type: "button", class: "vgp-plain", onclick: () => end(part.answer()) },
      "Show me",
    ),
  );
  const fields = h(
    "fieldset",
    {},
    h("legend", {}, h("strong", {}, "Predict first. "), ...prose(question.question)),
    part.element,
  );
  const element = h("form", { class: "vgp-predict", novalidate: true }, fields, buttons, result);
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    const verdict = part.judge();
    if ("problem" in verdict) result.replaceChildren(verdict.problem);
    else end(verdict.said);
  });

  /** @param {(Node | string)[]} said */
  function end(said) {
    fields.disabled = true;
    buttons.hidden = true;
    result.replaceChildren(...said, " ", ...prose(question.because));
    reveal();
  }

  return {
    element,
    /** The setting came with an address: there is nothing left to predict. */
    dismiss: () => (element.hidden = true),
  };
}

/** @typedef {{problem: string} | {said: (Node | string)[]}} Verdict */

/**
 * @param {BenchSpec} spec
 * @param {ChoicePrediction} question
 */
function chosen(spec, question) {
  const name = `${spec.id}-predict`;
  const inputs = question.options.map((option, k) =>
    h("input", { type: "radio", name, value: k, "aria-label": plain(option) }),
  );
  const answer = () => [
    h("strong", {}, "Answer: "),
    ...prose(question.options[question.answer]),
    ".",
  ];
  return {
    element: h(
      "div",
      { class: "vgp-guesses" },
      inputs.map((input, k) => h("label", {}, input, h("span", {}, ...prose(question.options[k])))),
    ),
    answer,
    /** @returns {Verdict} */
    judge: () => {
      const k = inputs.findIndex((input) => input.checked);
      if (k < 0) return { problem: "Choose one, or press “Show me”." };
      return k === question.answer
        ? { said: [h("strong", { class: "vgp-tone-good" }, "Right.")] }
        : { said: [h("strong", { class: "vgp-tone-bad" }, "Not quite. "), ...answer()] };
    },
  };
}

/**
 * @param {BenchSpec} spec
 * @param {NumericPrediction} question
 * @param {() => Frame | null} frame
 */
function typed(spec, question, frame) {
  const { readout, log, unit } = question.numeric;
  const id = `${spec.id}-predict`;
  const input = h("input", {
    id,
    type: "text",
    inputmode: "text",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: log ? "10^-5" : null,
    oninput: () => input.removeAttribute("aria-invalid"),
  });
  const measured = () => {
    const value = frame()?.readouts[readout].value;
    return value === undefined ? NaN : number(value);
  };
  const answer = () => [h("strong", {}, "Measured: "), `${amount(measured(), unit)}.`];
  return {
    element: h("div", { class: "vgp-guesses" }, h("label", { for: id }, "My guess"), input, unit),
    answer,
    /** @returns {Verdict} */
    judge: () => {
      const guess = parseNumber(input.value);
      if (guess === null || (log && guess <= 0)) {
        input.setAttribute("aria-invalid", "true");
        input.focus();
        const kind = log ? "a number above 0" : "a number";
        return { problem: `Write ${kind}, such as 0.001, 1e-3 or 10^-3.` };
      }
      const distance = howFar(guess, measured(), log, unit);
      return {
        said: [`You said ${amount(guess, unit)}. `, ...answer(), " ", h("strong", {}, distance)],
      };
    },
  };
}

/**
 * @param {number} value
 * @param {string} unit
 */
const amount = (value, unit) => `${figures(value)} ${unit}`.trim();

/**
 * How far a guess is from the measurement, in words.
 *
 * @param {number} guess
 * @param {number} value
 * @param {boolean} log count in powers of ten
 * @param {string} unit
 */
function howFar(guess, value, log, unit) {
  if (!Number.isFinite(value) || (log && value <= 0)) return "No distance can be given.";
  const way = guess > value ? "too high" : "too low";
  if (!log) {
    const off = Math.abs(guess - value);
    if (off <= 0.05 * Math.abs(value)) return "Spot on.";
    return `That is ${amount(off, unit)} ${way}.`;
  }
  const powers = Math.abs(Math.log10(guess / value));
  if (powers < 0.15) return "Spot on.";
  const count = figures(powers);
  return `That is ${count} ${count === "1.0" ? "power" : "powers"} of ten ${way}.`;
}
