// @ts-check
import { h, say } from "./dom.js";
import { exported, forget, imported, keep, load, onReplaced } from "./progress.js";
import { makeQuestion } from "./question.js";
/** @import { Model, QuizSpec } from "./types.js" */

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
    return makeQuestion(question, place, (answered) => {
      keep(spec.chapter, question.id, answered);
      count();
    });
  });
  const root = h(
    "section",
    { class: "vgp-quiz", "aria-labelledby": `${spec.id}-title` },
    h(
      "header",
      { class: "vgp-head" },
      h("p", { class: "vgp-title", id: `${spec.id}-title` }, spec.title),
      score,
    ),
    meter,
    questions.map((question) => question.element),
    h("div", { class: "vgp-tools" }, tools(), status),
  );
  el.append(root);

  function count() {
    const { answers } = load(spec.chapter);
    const right = spec.questions.filter(({ id }) => answers[id]?.right).length;
    say(score, `${right} of ${total} answered right`);
    meter.style.setProperty("--vgp-fill", `${(100 * right) / Math.max(1, total)}%`);
  }

  function restore() {
    const { answers, damaged } = load(spec.chapter);
    if (damaged) say(status, "The progress saved here could not be read. It was set aside.");
    questions.forEach((question, k) =>
      question.show(answers[spec.questions[k].id]?.choice ?? null),
    );
    count();
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
        imported(text) ? "Progress imported." : "This file holds no progress. Nothing was changed.",
      );
    });
    return [
      button("Export progress", () => {
        save("vgp-progress.json", exported());
        say(status, "Progress exported.");
      }),
      button("Import progress", () => file.click()),
      file,
      button("Reset this quiz", () => {
        forget(spec.chapter);
        say(status, "This quiz starts anew.");
      }),
    ];
  }

  restore();
  const stop = onReplaced(restore);
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
