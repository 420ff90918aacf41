// @ts-check
import { h } from "./dom.js";
import { prose } from "./text.js";
/** @import { Question } from "./types.js" */

/**
 * The right answers with what is said to them: on paper, after the questions.
 *
 * @param {Question[]} questions
 */
export function makeKey(questions) {
  const items = questions.map((question) =>
    h(
      "li",
      {},
      question.answers
        .filter((answer) => answer.correct)
        .map((answer) => h("p", {}, h("strong", {}, written(answer), ": "), prose(answer.feedback))),
    ),
  );
  return h("div", { class: "vgp-key" }, h("p", {}, h("strong", {}, "Answers")), h("ol", {}, items));
}

/**
 * An answer in words: its text, its value, its range.
 *
 * @param {{answer?: any, value?: number, range?: [number, number]}} answer
 */
function written({ answer, value, range }) {
  if (Array.isArray(answer)) return prose(answer);
  return answer ?? (range ? range.join(" to ") : String(value));
}
