// @ts-check
import { h, say } from "./dom.js";
import { judge } from "./judge.js";
import { makeKey } from "./key.js";
import * as progress from "./progress.js";
import { makeQuestion } from "./question.js";
/** @import { Chosen, Model, Question, QuizSpec } from "./types.js" */

/**
 * Show a quiz.
 *
 * @param {Model} model
 * @param {HTMLElement} el
 * @returns {() => void} takes it down again
 */
export function quiz(model, el) {
  const spec = /** @type {QuizSpec} */ (model.get("spec"));
  const total = spec.questions.length;
  const score = h("p", { class: "vgp-score", role: "status" });
  const meter = h("div", { class: "vgp-meter", "aria-hidden": "true" }, h("div"));
  const status = h("span", { class: "vgp-said", role: "status" });
  const questions = spec.questions.map((question, k) => {
    const place = { id: `${spec.id}-${question.id}`, count: `Question ${k + 1} of ${total}.` };
    const settled = () => isRight(question);
    const answered = (/** @type {Chosen} */ choice, /** @type {boolean} */ right) => {
      // A right answer counts for good: whoever then looks at what the others say loses nothing.
      if (settled() && !right) return;
      if (!right) progress.miss(spec.chapter, question.id);
      shown[k] = JSON.stringify(choice);
      progress.keep(spec.chapter, question.id, choice);
      const lost = "This browser saves nothing here: your progress lasts until you leave the page.";
      say(status, progress.isKept() ? "" : lost);
    };
    return makeQuestion(question, place, answered, settled);
  });
  /** @type {(string | undefined)[]} the answer that each question shows */
  const shown = [];
  const root = h(
    "div",
    { role: "region", class: "vgp-quiz", "aria-labelledby": `${spec.id}-title` },
    h(
      "div",
      { class: "vgp-head" },
      h("p", { class: "vgp-title", id: `${spec.id}-title` }, spec.title),
      score,
    ),
    meter,
    questions.map((question) => question.element),
    makeKey(spec.questions),
    h("div", { class: "vgp-tools" }, tools(), status),
  );
  el.append(root);

  /**
   * Whether the answer that is kept is right.
   *
   * @param {Question} question
   */
  function isRight(question) {
    const answer = progress.load(spec.chapter)[question.id];
    return Boolean(judge(question, answer?.choice)?.right);
  }

  /** Show what is kept; a question that shows it already keeps what is half written. */
  function follow() {
    const answers = progress.load(spec.chapter);
    questions.forEach((question, k) => {
      const choice = answers[spec.questions[k].id]?.choice;
      if (shown[k] === JSON.stringify(choice)) return;
      shown[k] = JSON.stringify(choice);
      question.show(choice);
    });
    const right = spec.questions.filter(isRight).length;
    say(score, `${right} of ${total} answered right`);
    meter.style.setProperty("--vgp-fill", `${(100 * right) / Math.max(1, total)}%`);
    progress.note(spec.chapter, { questions: total, right });
  }

  function tools() {
    const button = (/** @type {string} */ name, /** @type {() => void} */ onclick) =>
      h("button", { type: "button", class: "vgp-tool", onclick }, name);
    const file = h("input", { type: "file", accept: ".json,application/json", hidden: true });
    file.addEventListener("change", async () => {
      const text = await file.files?.[0]?.text();
      file.value = "";
      if (text === undefined) return;
      say(
        status,
        progress.imported(text) ? "Progress imported." : "This file holds no progress. Nothing was changed.",
      );
    });
    return [
      button("Export progress", () => {
        save("vgp-progress.json", progress.exported());
        say(status, "Progress exported.");
      }),
      button("Import progress", () => file.click()),
      file,
      button("Reset this quiz", () => {
        progress.forget(spec.chapter);
        questions.forEach((question) => question.show(undefined)); // what is half written, too
        say(status, "This quiz starts anew.");
      }),
    ];
  }

  follow();
  if (progress.wasDamaged())
    say(status, "The progress saved here could not be read. It was set aside.");
  const stop = progress.onProgress(follow);
  return () => {
    stop();
    root.remove();
  };
}

/**
 * Give the reader a file.
 *
 * @param {string} name
 * @param {string} text
 */
function save(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const anchor = h("a", { href: url, download: name });
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
