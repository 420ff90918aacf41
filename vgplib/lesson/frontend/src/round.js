// @ts-check
import { h, say } from "./dom.js";
import { listen } from "./listen.js";
/** @import { Mark } from "./leitner.js" */

/** @typedef {{name: string, heading: Element, folds: HTMLDetailsElement[]}} Card */

/** @type {[Mark, string][]} */
const MARKS = [
  ["again", "Again"],
  ["nearly", "Nearly"],
  ["got", "Got it"],
];

/**
 * Ask some questions, one by one, above the page: think, reveal, grade yourself. What is marked
 * "again" is asked once more at the end. Escape leaves; what was graded stays.
 *
 * @param {number} number of the round
 * @param {Card[]} cards
 * @param {(name: string, mark: Mark) => void} grade
 * @param {() => void} another starts the next round
 */
export function openRound(number, cards, grade, another) {
  const queue = [...cards];
  /** @type {Map<Card, Mark>} the first mark of each */
  const marks = new Map();
  const left = h("p", { class: "vgp-score", role: "status" });
  const title = h("h2", { id: "vgp-asked", tabindex: -1 });
  const body = h("div", { class: "vgp-answer-place" });
  const leave = h("button", { type: "button", class: "vgp-tool", onclick: () => dialog.close() }, "Leave");
  const dialog = h(
    "dialog",
    {
      class: "vgp vgp-round",
      "aria-labelledby": title.id,
      onclose: () => dialog.remove(),
      // Sphinx takes Escape for itself, unless a button has the focus.
      onkeydown: (/** @type {KeyboardEvent} */ { key }) => key === "Escape" && dialog.close(),
    },
    h("div", { class: "vgp-test" }, h("div", { class: "vgp-round-head" }, left, leave), title, body),
  );
  document.body.append(dialog);
  dialog.showModal(); // the page behind waits, and gets the focus back
  ask();

  function ask() {
    const [card] = queue;
    if (!card) return sum();
    say(left, `Round ${number}: ${queue.length === 1 ? "the last one" : `${queue.length} to go`}`);
    title.replaceChildren(...copied(card.heading));
    const show = h(
      "button",
      { type: "button", class: "vgp-button", "aria-describedby": title.id, onclick: () => reveal(card) },
      "Show the answer",
    );
    const hint = marks.has(card)
      ? "Once more, aloud. Then look."
      : "Answer aloud, in about thirty seconds. Then look.";
    body.replaceChildren(h("p", { class: "vgp-quiet" }, hint), h("div", { class: "vgp-actions" }, show));
    dialog.scrollTop = 0;
    show.focus();
  }

  /** @param {Card} card */
  function reveal(card) {
    const [short, long] = card.folds;
    const first = h("h3", { tabindex: -1 }, words(short));
    const asked = h("p", { id: "vgp-how" }, "How was yours?");
    body.replaceChildren(
      first,
      ...copied(short),
      h("details", { ontoggle: shown }, h("summary", {}, words(long)), ...copied(long)),
      h(
        "div",
        { class: "vgp-marks", role: "group", "aria-labelledby": asked.id },
        asked,
        MARKS.map(([mark, name]) =>
          h("button", { type: "button", class: "vgp-toggle", onclick: () => marked(card, mark) }, name),
        ),
      ),
    );
    listen(`card-${card.name}`, [...body.querySelectorAll(":scope > h3 + p")], title.textContent ?? "");
    first.focus({ preventScroll: true });
  }

  /**
   * What was unfolded comes into view: on a phone it begins below the edge.
   *
   * @param {Event} event
   */
  function shown({ currentTarget }) {
    const fold = /** @type {HTMLDetailsElement} */ (currentTarget);
    if (fold.open) fold.scrollIntoView({ block: "nearest" });
  }

  /**
   * @param {Card} card
   * @param {Mark} mark
   */
  function marked(card, mark) {
    grade(card.name, mark);
    if (!marks.has(card)) marks.set(card, mark);
    queue.shift();
    if (mark === "again") queue.push(card);
    ask();
  }

  function sum() {
    const of = (/** @type {Mark} */ mark) => [...marks].filter(([, one]) => one === mark);
    const weak = [...of("again"), ...of("nearly")];
    say(left, "");
    say(title, `Round ${number} is done`);
    const list = h("ul", {}, weak.map(([card]) => h("li", {}, copied(card.heading))));
    body.replaceChildren(
      h("p", {}, `You got ${of("got").length} of ${marks.size} at once.`),
      ...(weak.length ? [h("p", {}, "These come again in the next round:"), list] : []),
      h(
        "div",
        { class: "vgp-actions" },
        h("button", { type: "button", class: "vgp-button", onclick: next }, "Another round"),
        h("button", { type: "button", class: "vgp-toggle", onclick: () => dialog.close() }, "Enough for now"),
      ),
    );
    title.focus();
  }

  function next() {
    dialog.close();
    another();
  }
}

/** @param {HTMLDetailsElement} fold */
const words = (fold) => fold.querySelector("summary")?.textContent ?? "";

/**
 * Copies of what an element holds, but its summary, its anchor and its player. A term is explained
 * on the page alone, and any other link leads to a tab of its own: the round goes on.
 *
 * @param {Element} element
 * @returns {ChildNode[]}
 */
function copied(element) {
  const copy = /** @type {Element} */ (element.cloneNode(true));
  for (const part of copy.querySelectorAll(":scope > summary, .headerlink, .vgp-listen")) part.remove();
  for (const part of copy.querySelectorAll("[id]")) part.removeAttribute("id");
  for (const link of copy.querySelectorAll("a")) {
    if (link.matches("[href*='glossary.html#']")) {
      link.replaceWith(...link.childNodes);
      continue;
    }
    link.target = "_blank";
    link.append(h("span", { class: "vgp-told" }, " (opens a new tab)"));
  }
  return [...copy.childNodes];
}
