// @ts-check
import Reveal from "reveal.js";
import { h } from "../dom.js";
import { cut } from "./cut.js";

// What uses the arrows itself while it has the focus, and what Space and Enter press.
const ARROWS = "input, select, textarea, [role=application], [role=radio], audio, video";
const PRESSED = "button, a, summary";
/**
 * How many times as large as on the page the parts of a bench are, at most and at least; and what
 * else is alive.
 *
 * @type {Record<string, [number, number]>}
 */
const PARTS = {
  ".vgp-column": [1.5, 0.95],
  ".vgp-stage": [1.6, 0.95],
  ".vgp-predict": [1.7, 1.2],
  ".vgp-rows": [1.4, 1],
};
/** @type {[number, number]} */
const WHOLE = [1.8, 1];
const FRAMES = 20; // in which they do
const nothing = () => {};
const SCROLL = 120; // pixels of a slide that is longer than the screen

/** Cut the page into slides, before anything on it comes alive. */
export function make() {
  const chapter = /** @type {Element} */ (document.querySelector("article > section"));
  const slides = h("div", { class: "slides" });
  document.documentElement.classList.add("vgp-presents");
  document.body.append(h("div", { class: "vgp-deck bd-article" }, slides));
  cut(chapter, slides);
  chapter.remove(); // what is left of it has the names that the slides have now
}

/** Show the first slide, or the one that the address names. */
export async function show() {
  const deck = /** @type {HTMLElement} */ (document.querySelector(".vgp-deck"));
  for (const place of deck.querySelectorAll(".vgp-step + [data-vgp]")) dropStep(place);
  for (const place of deck.querySelectorAll("[data-vgp]")) fit(/** @type {HTMLElement} */ (place));
  deck.classList.add("reveal");
  const reveal = new Reveal(deck, {
    width: 1280,
    height: 720,
    margin: 0,
    maxScale: 4,
    center: false,
    controls: false,
    hash: true,
    help: false,
    overview: false,
    scrollActivationWidth: 0,
    slideNumber: "c/t",
    transition: "none",
    keyboardCondition: decides,
    keyboard: { 27: leave, 87: whole, 86: nothing, 191: nothing }, // Escape, W, V, ?
    pause: false, // a black screen whose keys nobody knows
    jumpToSlide: false,
  });
  const button = (/** @type {string} */ name, /** @type {() => void} */ onclick) =>
    h("button", { type: "button", onclick }, name);
  const all = button("Whole text (W)", whole);
  const bar = h(
    "nav",
    { class: "vgp-deck-bar", "aria-label": "Slides" },
    button("‹ Back", () => reveal.prev()),
    button("Next ›", () => reveal.next()),
    all,
    button("Full screen (F)", () => reveal.triggerKey(70)),
    button("Leave (Esc)", leave),
  );
  all.setAttribute("aria-pressed", "false");
  deck.append(bar);

  /**
   * Whether a key is the deck's. A control keeps its own; the keys of a presenter's remote change
   * slides from anywhere.
   *
   * @param {KeyboardEvent} event
   */
  function decides(event) {
    const { key, target } = event;
    const at = target instanceof Element ? target : document.body;
    const slide = reveal.getCurrentSlide();
    const done = () => void event.preventDefault();
    if (key === "PageDown" || key === "PageUp") {
      done();
      key === "PageDown" ? reveal.next() : reveal.prev();
      return false;
    }
    if (at.closest(ARROWS)) {
      if (key === "Escape") focus(slide); // the arrows are the deck's again
      return false;
    }
    if ((key === " " || key === "Enter") && at.closest(PRESSED)) return false;
    if ((key === "ArrowDown" || key === "ArrowUp") && slide.scrollHeight > slide.clientHeight) {
      done();
      slide.scrollBy(0, key === "ArrowDown" ? SCROLL : -SCROLL);
      return false;
    }
    return true;
  }

  function whole() {
    all.setAttribute("aria-pressed", String(deck.classList.toggle("vgp-whole")));
  }

  /** Back to the page, to where the slide is from. */
  function leave() {
    const query = new URLSearchParams(location.search);
    query.delete("present");
    const rest = query.size ? `?${query}` : "";
    location.href = `${location.pathname}${rest}#${reveal.getCurrentSlide().dataset.section}`;
  }

  function arrive() {
    const slide = reveal.getCurrentSlide();
    // Whoever jumped past a bench finds it asking still: reveal.js takes it as opened.
    slide.querySelector(".vgp-step:has(+ [data-vgp])")?.classList.remove("visible");
    slide.scrollTo(0, 0);
    focus(slide);
  }

  /**
   * A link to a bench, as the questions have them, leads to its slide; the bench reads its setting.
   *
   * @param {string} hash "#chain?hops=10"
   */
  function follow(hash) {
    const place = document.getElementById(hash.slice(1).split("?")[0]);
    const at = reveal.getSlides().findIndex((slide) => place && slide.contains(place));
    if (at >= 0) reveal.slide(at);
  }

  reveal.on("slidechanged", arrive);
  reveal.on("fragmentshown", (/** @type {any} */ { fragment }) => open(fragment.nextElementSibling, true));
  reveal.on("fragmenthidden", (/** @type {any} */ { fragment }) => open(fragment.nextElementSibling, false));
  for (let k = 0; k < FRAMES; k++) await new Promise(requestAnimationFrame); // all fit (fit)
  const asked = location.hash;
  await reveal.initialize();
  arrive();
  follow(asked);
  addEventListener("hashchange", ({ newURL }) => follow(new URL(newURL).hash));
  deck.setAttribute("role", "main");
  deck.querySelector(".aria-status")?.remove(); // it would read out what is folded away
}

/** @param {HTMLElement} slide */
function focus(slide) {
  /** @type {HTMLElement | null} */ (slide.querySelector("h1, h2"))?.focus({ preventScroll: true });
}

/**
 * Show what waits: a fold, or the chart that a bench asks about. (A claim's verdict is shown by the
 * style sheet.)
 *
 * @param {Element | null} part
 * @param {boolean} opens
 */
function open(part, opens) {
  if (part instanceof HTMLDetailsElement) {
    part.open = opens;
    part.closest(".vgp-slide")?.scrollTo(0, part.offsetTop - 120); // where it is longer than the screen
  } else if (opens)
    /** @type {HTMLElement | null | undefined} */ (
      part?.querySelector(".vgp-predicting .vgp-predict .vgp-plain")
    )?.click();
}

/**
 * A bench that has been answered, or has no question, has nothing more to open.
 *
 * @param {Element} place
 */
function dropStep(place) {
  const bench = place.querySelector(".vgp-bench");
  const look = () => {
    const step = place.previousElementSibling;
    if (step?.matches(".vgp-step") && !bench?.classList.contains("vgp-predicting")) step.remove();
  };
  look();
  if (bench) new MutationObserver(look).observe(bench, { attributeFilter: ["class"] });
}

/**
 * Show a bench as large as all of it can be seen: its tallest part shrinks until that is so. None
 * grows again, so that a chart stays where it is.
 *
 * @param {HTMLElement} place
 */
function fit(place) {
  const slide = /** @type {HTMLElement} */ (place.closest(".vgp-slide"));
  /** @type {[string, [number, number]][]} */
  const sizes = Object.entries(place.dataset.vgp === "bench" ? PARTS : { [`#${place.id}`]: WHOLE });
  const parts = sizes.flatMap(([name, [zoom, least]]) =>
    [.../** @type {NodeListOf<HTMLElement>} */ (slide.querySelectorAll(name))].map((part) => {
      part.style.zoom = String(zoom);
      return { part, zoom, least };
    }),
  );
  const foot = (/** @type {{part: HTMLElement}} */ { part }) => part.getBoundingClientRect().bottom;
  const shrink = () => {
    if (slide.scrollHeight <= slide.clientHeight) return;
    const left = parts.filter(({ zoom, least }) => zoom > least).sort((a, b) => foot(b) - foot(a));
    // A chart grows with the column beside it: where both are too tall, that one comes first.
    const column = left.find(({ part }) => part.matches(".vgp-column"));
    const lowest = column && foot(column) > foot({ part: slide }) ? column : left[0];
    if (!lowest) return;
    lowest.zoom -= slide.scrollHeight > 1.2 * slide.clientHeight ? 0.1 : 0.05;
    lowest.part.style.zoom = lowest.zoom.toFixed(2);
    requestAnimationFrame(shrink); // the chart is drawn anew before that
  };
  new ResizeObserver(() => requestAnimationFrame(shrink)).observe(place);
}
