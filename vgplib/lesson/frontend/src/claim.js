// @ts-check
import { h, say } from "./dom.js";
import { makeHands } from "./hands.js";
import { keepVote, onProgress, vote } from "./progress.js";
import { countsHands } from "./room.js";
/** @import { Vote } from "./types.js" */

/** @type {[Vote, string][]} */
const VOTES = [
  ["holds", "Holds"],
  ["depends", "Depends"],
  ["false", "False"],
];

/**
 * Make a claim with its verdict folded away one to vote on: the vote unfolds it.
 *
 * @param {HTMLElement} fold `details.vgp-claim`: the claim in its summary, then the verdict, whose
 *   first strong word names it
 */
export function upgradeClaim(fold) {
  const summary = fold.querySelector("summary");
  if (!summary) return;
  const ask = summary.lastElementChild; // "Decide, then open": the buttons say so here
  if (ask?.tagName === "EM" && !ask.nextSibling?.textContent?.trim()) ask.remove();
  const claim = h("p", { class: "vgp-claimed", id: `${fold.id}-said` }, ...summary.childNodes);
  summary.remove();
  const verdict = h("div", { class: "vgp-settled" }, ...fold.childNodes);
  const word = verdict.querySelector("strong");
  const kind = word?.textContent?.toLowerCase().match(/[a-z]+/)?.[0] ?? "";
  const status = h("p", { class: "vgp-voted", role: "status" });
  const buttons = VOTES.map(([name, text]) =>
    h("button", { type: "button", role: "radio", onclick: () => keepVote(fold.id, name) }, text),
  );
  const group = h(
    "div",
    { class: "vgp-votes", role: "radiogroup", "aria-labelledby": claim.id, onkeydown: turn },
    buttons,
  );
  const box = h("div", { class: "vgp vgp-claim vgp-vote" }, claim, group, status, verdict);
  const settled = VOTES.find(([name]) => name === kind);
  box.id = fold.id;
  fold.replaceWith(box);
  if (countsHands()) {
    const options = VOTES.map(([, word]) => ({ label: [word], name: word }));
    const answer = VOTES.findIndex(([name]) => name === kind);
    verdict.before(makeHands({ id: fold.id, options, answer }));
  }

  /**
   * The arrows move along the buttons and do not vote yet: a vote shows the verdict.
   *
   * @param {KeyboardEvent} event
   */
  function turn(event) {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const at = buttons.findIndex((button) => button === document.activeElement);
    if (!by || at < 0) return;
    event.preventDefault();
    reach((at + by + buttons.length) % buttons.length).focus();
  }

  /** @param {number} at the one button that the Tab key reaches */
  function reach(at) {
    buttons.forEach((button, k) => (button.tabIndex = k === at ? 0 : -1));
    return buttons[at];
  }

  function show() {
    const at = VOTES.findIndex(([name]) => name === vote(fold.id));
    buttons.forEach((button, k) => button.setAttribute("aria-checked", String(k === at)));
    reach(Math.max(0, at));
    box.classList.toggle("vgp-open", at >= 0);
    say(status, at < 0 ? "" : told(VOTES[at], settled ?? VOTES[at]));
  }

  show();
  onProgress(show);
}

/**
 * What the page says to a vote.
 *
 * @param {[Vote, string]} vote
 * @param {[Vote, string]} verdict
 */
const told = ([vote, said], [verdict, word]) =>
  vote === verdict
    ? `You said ${said}, and so do we.`
    : `You said ${said}. We'd say ${word}, and here's why:`;
