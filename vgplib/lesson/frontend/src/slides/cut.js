// @ts-check
import { h } from "../dom.js";
import { shorten } from "./lead.js";

const LEFT_OUT = new Set(["go-further", "make-it-yours"]); // for one reader, at a keyboard
const WHOLE = "in-short"; // its every sentence counts
const NOTHING = ".cell:not(:has(.cell_input, .output)), script, .vgp-selftest, p:empty, span:empty";

/**
 * Cut a chapter into slides: its text, shortened, as much as fits; each bench, question, claim and
 * vote on a slide of its own, and what happened on the next ones.
 *
 * @param {Element} chapter the section below the page's title; it is taken apart
 * @param {HTMLElement} slides where they go; it has to be laid out, as their heights decide
 */
export function cut(chapter, slides) {
  /** @type {Set<string>} */
  const ids = new Set();
  let place = chapter.id;
  /** @type {Element | null} */
  let title = null;
  /** @type {HTMLElement | null} what takes text: a slide, or the fold on it */
  let open = null;

  /**
   * @param {string} kind
   * @param {...Node} parts
   */
  function slide(kind, ...parts) {
    let id = place;
    for (let k = 2; ids.has(id); k++) id = `${place}-${k}`;
    ids.add(id);
    const heading = h(title === chapter.querySelector("h1") ? "h1" : "h2", { tabindex: -1 });
    heading.append(...(title?.cloneNode(true).childNodes ?? []));
    heading.querySelector(".headerlink")?.remove();
    const made = h("section", { id, class: `vgp-slide vgp-slide-${kind}` }, heading, ...parts);
    made.dataset.section = place;
    slides.append(made);
    return made;
  }

  /**
   * Put a block where there is room.
   *
   * @param {Element} block
   * @param {() => HTMLElement} next opens the next slide, and returns what takes its text
   */
  function add(block, next) {
    open ??= next();
    const before = open.lastElementChild;
    open.append(block);
    const full = /** @type {HTMLElement} */ (open.closest(".vgp-slide"));
    if (full.scrollHeight <= full.clientHeight || !before?.matches("p, ul, ol, div, table, details"))
      return;
    const leads = before.matches("p") && before.textContent?.trim().endsWith(":");
    if (leads && before.previousElementSibling?.matches("h1, h2, summary")) return; // as it has to be
    open = next();
    open.append(...(leads ? [before, block] : [block]));
  }

  const text = () => slide("text");

  /** @param {Element} fold `details.vgp-after` */
  function addAfter(fold) {
    const [summary, ...blocks] = fold.children;
    const next = () => {
      const part = h("details", { class: fold.className, open: true }, summary.cloneNode(true));
      slide("text", part);
      return part;
    };
    open = null;
    for (const block of blocks) {
      prepare(block, true);
      add(block, next);
    }
    open = null;
  }

  /** @param {Element} section */
  function walk(section) {
    for (const block of [...section.children]) {
      const live = [.../** @type {NodeListOf<HTMLElement>} */ (block.querySelectorAll("[data-vgp]"))];
      if (block.matches("section")) {
        if (!LEFT_OUT.has(block.id)) walk(block);
      } else if (block.matches("h1, h2, h3")) {
        place = section.id;
        title = block;
        open = null;
      } else if (block.matches(".vgp-after")) addAfter(block);
      else if (block.matches(".vgp-claim")) alone("claim", step(), block);
      else if (block.matches(".vgp-ballot")) alone("text", block);
      else if (block.matches(".vgp-watch")) alone("film", block);
      else if (live.length) live.forEach(addLive);
      else if (!block.matches(NOTHING)) {
        prepare(block, place !== WHOLE);
        for (const part of halves(block)) add(part, text);
        if (block.matches("details")) block.before(step());
      }
    }
  }

  /** @param {string} kind @param {...Node} parts */
  function alone(kind, ...parts) {
    slide(kind, ...parts);
    open = null;
  }

  /** @param {HTMLElement} part a bench, a quiz, a clinic, a chooser */
  function addLive(part) {
    if (part.dataset.vgp === "quiz") {
      for (const question of single(part)) alone("quiz", question);
      return;
    }
    // reveal.js would take it for a slide.
    for (const still of part.querySelectorAll("section"))
      still.replaceWith(h("div", { class: still.className }, ...still.childNodes));
    const { number } = JSON.parse(part.querySelector(".vgp-state")?.textContent ?? "{}").spec ?? {};
    const made = slide("live", step(), part);
    if (number) made.querySelector("h1, h2")?.append(" ", h("small", {}, number));
    open = null;
  }

  walk(chapter);
}

/** The next press of the arrow opens what follows this. */
const step = () => h("span", { class: "fragment vgp-step" });

/**
 * @param {Element} block
 * @param {boolean} short
 */
function prepare(block, short) {
  const paragraphs = block.matches("p") ? [block] : [...block.querySelectorAll("p")];
  if (short) for (const one of paragraphs) if (!one.closest(".vgp-wide, table")) shorten(one);
  // What an exercise says before anybody has answered it.
  if (block.querySelector(".cell_input")?.textContent?.includes("# your answer"))
    block.querySelector(".cell_output")?.remove();
  if (!block.matches(".vgp-card")) return;
  for (const fold of block.querySelectorAll("details")) {
    fold.name = block.id; // one of its answers at a time
    fold.before(step());
  }
}

/**
 * A cell's code, and what it shows: they need not fit on one slide.
 *
 * @param {Element} block
 */
function halves(block) {
  const shows = block.querySelector(":scope > .cell_input + .cell_output");
  if (!shows) return [block];
  const second = /** @type {Element} */ (block.cloneNode(false));
  second.append(shows);
  return [block, second];
}

/**
 * A quiz as several, of one question each.
 *
 * @param {HTMLElement} quiz
 */
function single(quiz) {
  const state = JSON.parse(quiz.querySelector(".vgp-state")?.textContent ?? "");
  return state.spec.questions.map((/** @type {{id: string}} */ question) => {
    // A chapter of its own: two quizzes of one would each write down how many questions it has.
    const id = `${state.spec.id}-${question.id}`;
    const spec = { ...state.spec, id, chapter: id, questions: [question] };
    const text = JSON.stringify({ ...state, spec });
    const script = h("script", { type: "application/json", class: "vgp-state" }, text);
    return h("div", { class: "vgp", id: spec.id, "data-vgp": "quiz" }, script);
  });
}
