// @ts-check
import { h, say } from "./dom.js";
import * as progress from "./progress.js";
import { makeQuestion } from "./question.js";
import { link } from "./text.js";
/** @import { Chosen, Model, RepeatSpec } from "./types.js" */

/**
 * Ask the questions again that the reader missed. One that is answered right now is no longer
 * missed; it stays in sight until the page is opened again.
 *
 * @param {Model} model
 * @param {HTMLElement} el
 * @returns {() => void} takes it down again
 */
export function repeat(model, el) {
  const spec = /** @type {RepeatSpec} */ (model.get("spec"));
  const missed = progress.missed();
  const quizzes = spec.quizzes
    .map((quiz) => ({
      ...quiz,
      questions: quiz.questions.filter(({ id }) => missed[quiz.chapter]?.includes(id)),
    }))
    .filter(({ questions }) => questions.length);
  const total = quizzes.reduce((sum, { questions }) => sum + questions.length, 0);
  let left = total;
  let asked = 0;
  const told = h("p", { class: "vgp-title", role: "status" });
  const groups = quizzes.map(({ chapter, title, href, questions }) => [
    h("p", { class: "vgp-more" }, "Of ", link(href, title), ":"),
    questions.map((question) => {
      let done = false;
      asked += 1;
      const place = { id: `${spec.id}-${chapter}-${question.id}`, count: `Question ${asked} of ${total}.` };
      const answered = (/** @type {Chosen} */ choice, /** @type {boolean} */ right) => {
        if (done || !right) return;
        done = true;
        left -= 1;
        progress.keep(chapter, question.id, choice);
        progress.repeated(chapter, question.id);
        count();
      };
      return makeQuestion(question, place, answered, () => done).element;
    }),
  ]);
  const root = h(
    "section",
    { class: "vgp-quiz", "aria-label": "What to repeat" },
    h("header", { class: "vgp-head" }, told),
    groups.flat(2),
  );
  el.append(root);
  count();
  return () => root.remove();

  function count() {
    if (!total) say(told, "Nothing to repeat: no question is marked as missed in this browser.");
    else if (!left) say(told, "All repeated, and right. Come back when you've missed another one.");
    else say(told, `${left} of ${total} left to repeat`);
  }
}
