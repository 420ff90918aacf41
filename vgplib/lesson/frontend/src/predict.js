// @ts-check
import { h } from "./dom.js";
import { figures, number, numberHelp, parseNumber, superscript } from "./numbers.js";
import { guess as guessed, keepGuess } from "./progress.js";
import { plain, prose } from "./text.js";
/** @import { BenchSpec, ChoicePrediction, NumericPrediction } from "./types.js" */

/**
 * A question to answer before the chart shows. Once it is answered, one line is left of it, which
 * unfolds to the reason.
 *
 * @param {BenchSpec} spec
 * @param {NonNullable<BenchSpec["predict"]>} question
 * @param {() => void} answered the reader guessed, or did not want to
 * @param {() => void} back the reader wants to see again what answers the question
 */
export function makePredict(spec, question, answered, back) {
  const part = "numeric" in question ? typed(spec, question) : chosen(spec, question);
  const result = h("div", { class: "vgp-result", role: "status" });
  const told = h("div", { role: "status" });
  const where = h("div", { class: "vgp-asked" });
  const line = h("div", { class: "vgp-guess", hidden: true }, told, where);
  const fields = h(
    "fieldset",
    {},
    h("legend", {}, h("strong", {}, "Predict first. "), ...prose(question.question)),
    part.element,
  );
  const element = h(
    "form",
    { class: "vgp-predict", novalidate: true },
    fields,
    h(
      "div",
      { class: "vgp-actions" },
      h("button", { type: "submit", class: "vgp-button" }, "Check my guess"),
      h("button", { type: "button", class: "vgp-plain", onclick: () => tell(part.skip(), "") }, "Show me"),
    ),
    result,
  );
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    const verdict = part.judge();
    if ("problem" in verdict) result.replaceChildren(verdict.problem);
    else tell(verdict, part.guess());
  });

  /**
   * The reader answered.
   *
   * @param {Said} said
   * @param {string} guess
   */
  function tell(said, guess) {
    end(said);
    answered();
    keepGuess(question.id, guess); // last: who listens finds it answered
    told.querySelector("summary")?.focus({ preventScroll: true }); // what had the focus is gone
  }

  /** @param {Said} said */
  function end({ short, long }) {
    element.hidden = true;
    line.hidden = false;
    told.replaceChildren(
      h(
        "details",
        {},
        h("summary", {}, short),
        h("p", {}, ...long, long.length ? " " : "", ...prose(question.because)),
      ),
    );
  }

  return {
    element,
    line,
    /** @returns {boolean} whether an earlier guess was found, and is told again */
    restore() {
      const guess = guessed(question.id);
      if (guess === null) return false;
      if (guess !== "" && !part.take(guess)) return false;
      const verdict = guess === "" ? part.skip() : part.judge();
      if ("problem" in verdict) return false;
      end(verdict);
      return true;
    },
    /** Ask anew, whatever was answered. */
    ask() {
      keepGuess(question.id, null);
      element.hidden = false;
      part.take("");
      result.replaceChildren();
      line.hidden = true;
    },
    /**
     * Where the question is answered: told while the bench is elsewhere.
     *
     * @param {string} words "" while it is there
     */
    at(words) {
      const onclick = () => {
        back();
        told.querySelector("summary")?.focus({ preventScroll: true }); // the button is gone
      };
      const button = h("button", { type: "button", class: "vgp-plain", onclick }, "Back to it");
      where.replaceChildren(...(words ? [`That was at: ${words}. `, button] : []));
    },
    /** The setting came with an address: there is nothing left to predict. */
    dismiss() {
      element.hidden = true;
    },
  };
}

/** @typedef {{short: string, long: (Node | string)[]}} Said */

/**
 * @param {BenchSpec} spec
 * @param {ChoicePrediction} question
 */
function chosen(spec, question) {
  const name = `${spec.id}-predict`;
  const inputs = question.options.map((option, k) =>
    h("input", { type: "radio", name, value: k, "aria-label": plain(option) }),
  );
  const checked = () => inputs.findIndex((input) => input.checked);
  const answer = () => ["The answer: ", ...prose(question.options[question.answer]), "."];
  return {
    element: h(
      "div",
      { class: "vgp-guesses" },
      inputs.map((input, k) => h("label", {}, input, h("span", {}, ...prose(question.options[k])))),
    ),
    guess: () => plain(question.options[checked()]),
    /** @param {string} guess an option's text; any other clears the choice */
    take(guess) {
      inputs.forEach((input, k) => (input.checked = plain(question.options[k]) === guess));
      return checked() >= 0;
    },
    /** @returns {Said} */
    skip: () => ({ short: "The answer", long: answer() }),
    /** @returns {{problem: string} | Said} */
    judge() {
      const k = checked();
      if (k < 0) return { problem: "Choose one, or press “Show me”." };
      const said = ["You said: ", ...prose(question.options[k]), ". "];
      return k === question.answer
        ? { short: "✓ Your prediction: right", long: said }
        : { short: "✗ Your prediction: not quite", long: [...said, ...answer()] };
    },
  };
}

/**
 * @param {BenchSpec} spec
 * @param {NumericPrediction} question
 */
function typed(spec, question) {
  const { value, text, percent, log } = question.numeric;
  const measured = number(value) * (percent ? 100 : 1);
  const unit = percent ? "%" : question.numeric.unit;
  const id = `${spec.id}-predict`;
  const input = h("input", {
    id,
    type: "text",
    inputmode: "text",
    autocomplete: "off",
    spellcheck: "false",
    oninput: () => input.removeAttribute("aria-invalid"),
  });
  const answer = `Measured: ${counted(text, unit)}`;
  return {
    element: h("div", { class: "vgp-guesses" }, h("label", { for: id }, "My guess"), input, unit),
    guess: () => input.value,
    /** @param {string} guess */
    take(guess) {
      input.value = guess;
      input.removeAttribute("aria-invalid");
      return true;
    },
    /** @returns {Said} */
    skip: () => ({ short: answer, long: [] }),
    /** @returns {{problem: string} | Said} */
    judge() {
      const guess = parseNumber(input.value, unit);
      if (guess === null || (log && guess <= 0)) {
        input.setAttribute("aria-invalid", "true");
        input.focus();
        const kind = log ? "a number above 0" : "a number";
        return { problem: numberHelp(input.value, kind) };
      }
      const said = `You said ${amount(guess, unit)}. ${answer}`;
      return { short: told(said, howFar(guess, measured, log, unit)), long: [] };
    },
  };
}

/**
 * Two digits, as one says them: "0.3" and not "0.30".
 *
 * @param {number} value
 */
const spoken = (value) => figures(value).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "");

/**
 * @param {number} value
 * @param {string} unit
 */
const amount = (value, unit) => {
  const text = Number.isInteger(value) && Math.abs(value) < 1e5 ? String(value) : spoken(value);
  return counted(text.replace("-", "−"), unit);
};

/**
 * @param {string} text
 * @param {string} unit in the plural
 */
const counted = (text, unit) => `${text} ${text === "1" ? unit.replace(/s$/, "") : unit}`.trim();

const NEAR = ["Spot on!", "Close!"];

/**
 * What is said to a guess. One that is far off has no cross: nobody could know.
 *
 * @param {string} said the guess and the measurement
 * @param {string} far as `howFar` has it
 */
const told = (said, far) => (NEAR.includes(far) ? `✓ ${far} ${said}.` : `${said}, so ${far}.`);

/**
 * How far a guess is from the measurement, in words. Close is half to twice, or a fifth off; spot
 * on is a tenth off where powers of ten count, or a fiftieth.
 *
 * @param {number} guess
 * @param {number} value
 * @param {boolean} log by what factor, instead of by how much
 * @param {string} unit
 */
function howFar(guess, value, log, unit) {
  if (!Number.isFinite(value) || (log && value <= 0)) return "no distance can be given";
  const way = guess > value ? "too high" : "too low";
  if (!log) {
    const off = Math.abs(guess - value);
    if (off <= 0.2 * Math.abs(value)) return NEAR[off <= 0.02 * Math.abs(value) ? 0 : 1];
    return `${amount(off, unit === "%" ? "points" : unit)} ${way}`;
  }
  const powers = Math.abs(Math.log10(guess / value));
  if (powers <= Math.log10(2)) return NEAR[powers <= Math.log10(1.1) ? 0 : 1];
  const factor = powers < 3 ? spoken(10 ** powers) : `10${superscript(Math.round(powers))}`;
  return `${factor} times ${way}`;
}
