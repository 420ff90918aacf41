// @ts-check
import { h, say } from "./dom.js";
import { count, graded, nextRound } from "./leitner.js";
import * as progress from "./progress.js";
import { openRound } from "./round.js";
/** @import { Mark } from "./leitner.js" */
/** @import { Card } from "./round.js" */

const RULE =
  "You grade yourself. What you mark “again” comes back in this round and in the next, “nearly” " +
  "in the next. What you’ve got rests for one round, then for three, then for seven.";

/** Offer to be asked the page's questions one by one, where the page has a place for it. */
export function offerSelfTest() {
  const place = document.querySelector(".vgp-selftest");
  const cards = new Map([...document.querySelectorAll(".vgp-card")].flatMap(read));
  if (!place || !cards.size) return;
  const names = [...cards.keys()];
  const state = h("p", { class: "vgp-standing", role: "status" });
  const told = h("span", { class: "vgp-said", role: "status" });
  const start = h("button", { type: "button", class: "vgp-button", onclick: ask });
  const reset = h("button", { type: "button", class: "vgp-tool", onclick: forget }, "Forget my grades");
  place.classList.add("vgp");
  place.append(
    h(
      "div",
      { class: "vgp-test" },
      h("p", { class: "vgp-title" }, "Shall I ask you?"),
      h("p", {}, RULE),
      state,
      h("div", { class: "vgp-actions" }, start, reset, told),
    ),
  );

  function ask() {
    const round = nextRound(names, progress.grades());
    /** @type {Set<string>} */
    const missed = new Set();
    openRound(
      round.number,
      round.names.map((name) => /** @type {Card} */ (cards.get(name))),
      (name, /** @type {Mark} */ mark) => {
        const before = progress.grades()[name];
        progress.keepGrade(name, graded(before, mark, round.number, missed.has(name)));
        if (mark === "again") missed.add(name);
      },
      ask,
    );
  }

  function forget() {
    progress.forgetGrades(names);
    say(told, "All questions are new again.");
    start.focus(); // the button that was pressed is gone
  }

  function show() {
    const round = nextRound(names, progress.grades());
    const { got, weak, fresh } = count(names, progress.grades());
    const parts = [got && `${got} got`, weak && `${weak} weak`, fresh && `${fresh} new`];
    say(state, `${names.length} questions: ${parts.filter(Boolean).join(", ")}.`);
    say(start, `Start round ${round.number}: ${plural(round.names.length, "question")}`);
    reset.hidden = fresh === names.length;
    if (!reset.hidden)
      say(told, progress.isKept() ? "" : "This browser saves nothing here: your grades last until you leave the page.");
  }

  show();
  progress.onProgress(show);
}

/**
 * A question as the page holds it: a heading, and after it two folds.
 *
 * @param {Element} element
 * @returns {[string, Card][]} none where something is missing
 */
function read(element) {
  const heading = element.parentElement?.querySelector("h3");
  const folds = [...element.querySelectorAll("details")];
  if (!heading || folds.length !== 2) return [];
  const name = element.id.replace(/^card-/, "");
  return [[name, { name, heading, folds }]];
}

/**
 * @param {number} number
 * @param {string} word
 */
const plural = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;
