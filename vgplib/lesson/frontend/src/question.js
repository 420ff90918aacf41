// @ts-check
import { h } from "./dom.js";
import { judge } from "./judge.js";
import { numberHelp, parseNumber } from "./numbers.js";
import { link, plain, prose } from "./text.js";
/** @import { Chosen, OptionAnswer, Question, Segment, TypedAnswer } from "./types.js" */

const COUNTS = "You had it right before, and that still counts.";

/**
 * One question of a quiz.
 *
 * @param {Question} question
 * @param {{id: string, count: string}} place its id on the page; "Question 2 of 6."
 * @param {(chosen: Chosen, right: boolean) => void} answered the reader gave an answer
 * @param {() => boolean} settled whether it was answered right already, which counts for good
 * @returns {{element: HTMLElement, show(chosen: Chosen | undefined): void}}
 */
export function makeQuestion(question, { id, count }, answered, settled) {
  const hasOptions = question.type === "multiple_choice" || question.type === "many_choice";
  const part = hasOptions ? options(question, id, given) : entry(question, id);
  const result = h("div", { class: "vgp-feedback", "aria-live": "polite" });
  const check = h("button", { type: "submit", class: "vgp-button" }, "Check");
  const help = h("div", { hidden: true }, more(question));
  const hint =
    question.hint &&
    h(
      "details",
      { ontoggle: () => (help.hidden &&= !hint?.open) },
      h("summary", {}, "Hint"),
      h("p", {}, ...prose(question.hint)),
    );
  const form = h(
    "form",
    { class: "vgp-question", novalidate: true },
    h(
      "fieldset",
      {},
      h("legend", {}, h("strong", {}, count), " ", ...prose(question.question)),
      h(
        "div",
        { class: hasOptions ? null : "vgp-row" },
        part.element,
        question.type === "multiple_choice" ? null : check,
      ),
      result,
    ),
    hint,
    help,
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    given();
  });

  function given() {
    const chosen = part.chosen();
    const verdict = show(chosen);
    if (verdict) answered(chosen, verdict.right);
    else result.replaceChildren(part.problem());
  }

  /** @param {Chosen} chosen */
  function show(chosen) {
    const verdict = judge(question, chosen);
    const wrong = settled() ? "Not this time" : "Not yet";
    part.mark(verdict?.options ?? [], wrong);
    if (verdict && !verdict.right) help.hidden = false;
    const feedback = verdict?.feedback;
    result.replaceChildren(
      ...(feedback ? [said(verdict.right, feedback, wrong)] : []),
      ...(verdict && !verdict.right && settled() ? [h("p", {}, COUNTS)] : []),
    );
    return verdict;
  }

  return {
    element: form,
    show(chosen) {
      form.reset();
      help.hidden = !hint?.open; // where to look gives much away: it is for those who are stuck
      part.mark([], "");
      result.replaceChildren();
      if (chosen !== undefined && judge(question, chosen)) {
        part.choose(chosen);
        show(chosen);
      }
    },
  };
}

/**
 * @typedef {{element: HTMLElement, problem(): string, chosen(): Chosen,
 *   choose(chosen: Chosen): void,
 *   mark(options: {at: number, right: boolean, feedback: Segment[]}[], wrong: string): void}} Part
 *   wrong: what is said to an option that is not right
 */

/**
 * @param {Question} question
 * @param {string} id
 * @param {() => void} given
 * @returns {Part}
 */
function options(question, id, given) {
  const many = question.type === "many_choice";
  const answers = /** @type {OptionAnswer[]} */ (question.answers);
  const inputs = answers.map((answer, k) =>
    h("input", {
      type: many ? "checkbox" : "radio",
      "aria-label": plain(answer.answer), // not every reader takes a name from mathematics
      name: id,
      value: k,
      onchange: () => (many ? mark([], "") : given()),
    }),
  );
  const labels = inputs.map((input, k) =>
    h("label", { class: "vgp-option" }, input, h("span", {}, ...prose(answers[k].answer))),
  );
  const feedback = answers.map(() => h("div", { class: "vgp-feedback", "aria-live": "polite" }));
  /** @type {Part["mark"]} */
  const mark = (marked, wrong) => {
    labels.forEach((label, k) => {
      const found = marked.find((option) => option.at === k);
      label.classList.toggle("vgp-right", found?.right === true);
      label.classList.toggle("vgp-wrong", found?.right === false);
      feedback[k].replaceChildren(...(found ? [said(found.right, found.feedback, wrong)] : []));
    });
  };
  const chosen = () => inputs.flatMap((input, k) => (input.checked ? [k] : []));
  return {
    element: h(
      "div",
      {},
      labels.map((label, k) => h("div", {}, label, feedback[k])),
    ),
    chosen: () => (many ? chosen() : chosen()[0]),
    choose: (choice) => inputs.forEach((input, k) => (input.checked = [choice].flat().includes(k))),
    mark,
    problem: () => "Choose at least one.",
  };
}

/**
 * @param {Question} question
 * @param {string} id
 * @returns {Part}
 */
function entry(question, id) {
  const numeric = question.type === "numeric";
  const right = /** @type {TypedAnswer[]} */ (question.answers).find((answer) => answer.correct);
  const whole = (right?.range ?? [right?.value]).every(Number.isInteger);
  const input = h("input", {
    type: "text",
    class: "vgp-entry",
    id: `${id}-entry`,
    autocomplete: "off",
    autocapitalize: "off",
    spellcheck: "false",
    oninput: () => input.removeAttribute("aria-invalid"),
  });
  const form = numeric && !whole ? " (for example 0.001, 1e-3 or 10^-3)" : "";
  return {
    element: h(
      "div",
      { class: "vgp-answer" },
      h("label", { for: input.id }, "Your answer", h("span", { class: "vgp-quiet" }, form)),
      input,
    ),
    chosen: () => {
      const bad = numeric ? parseNumber(input.value) === null : !input.value.trim();
      if (bad) input.setAttribute("aria-invalid", "true");
      return input.value.trim();
    },
    choose: (choice) => (input.value = String(choice)),
    mark: () => {},
    problem: () => (numeric ? numberHelp(input.value, "a number", whole) : "Write an answer first."),
  };
}

/**
 * @param {boolean} right
 * @param {Segment[]} feedback
 * @param {string} wrong
 */
const said = (right, feedback, wrong) =>
  h(
    "p",
    { class: right ? "vgp-tone-good" : "vgp-tone-bad" },
    h("strong", {}, `${right ? "Right" : wrong}: `),
    ...prose(feedback),
  );

/** @param {Question} question */
function more({ section, bench }) {
  if (!section && !bench) return null;
  return h(
    "p",
    { class: "vgp-more" },
    section ? h("span", {}, "Read again: ", link(section.href, section.text)) : null,
    bench ? h("span", {}, "See for yourself: ", link(bench.href, bench.text)) : null,
  );
}
