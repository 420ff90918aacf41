// @ts-check
import { h, say } from "./dom.js";
import { number } from "./numbers.js";
import { short } from "./scales.js";
import { rowsOf } from "./together.js";
/** @import { Frame, Row, Strip } from "./types.js" */

const LENGTH = 6000; // milliseconds that a film takes
const LONGEST_BLINK = 100; // of them between two pictures; more, and the page was out of sight

/**
 * The strip of a row at a moment of its film.
 *
 * @param {Row} row
 * @param {number | null} moment a place on the horizontal axis; null is the end
 * @returns {Strip | undefined}
 */
export function seen({ strip, film }, moment) {
  if (!strip || !film || moment === null) return strip;
  const k = nearest(film.at.map(number), moment);
  return { ...strip, cells: film.cells[k], count: film.counts[k] };
}

/**
 * The place of the moment that is nearest.
 *
 * @param {number[]} at
 * @param {number} moment
 */
function nearest(at, moment) {
  const far = at.map((v) => Math.abs(v - moment));
  return far.indexOf(Math.min(...far));
}

/**
 * The time line under a chart: play, pause, and a handle to move by hand. Nothing plays by itself,
 * and for who wants no motion the button goes one step on.
 *
 * @param {() => void} seek another moment is to be seen
 */
export function makeFilm(seek) {
  const quiet = matchMedia("(prefers-reduced-motion: reduce)");
  const button = h("button", { type: "button", class: "vgp-toggle", onclick: () => press() });
  const slider = h("input", {
    type: "range",
    min: 0,
    step: 1,
    "aria-label": "Moment",
    oninput: () => {
      const to = slider.valueAsNumber; // where it is put back when the film stops
      pause();
      go(to);
    },
  });
  const words = h("span", { class: "vgp-moment" });
  const element = h("div", { class: "vgp-film", hidden: true }, button, slider, words);
  /** @type {Frame | null} */
  let frame = null;
  /** @type {number[]} */
  let at = [];
  /** @type {number | null} where on the horizontal axis; null is the end */
  let moment = null;
  let running = 0; // the next picture, while it plays
  const end = () => at.length - 1;
  const now = () => (moment === null ? end() : nearest(at, moment));

  /** @param {number} k */
  function go(k) {
    moment = k < end() ? at[k] : null;
    tell();
    seek();
  }

  function tell() {
    if (!frame) return;
    const text = `${frame.x.label.split(",")[0]} ${short(at[now()])} of ${short(at[end()])}`;
    const counts = rowsOf(frame).map((row) =>
      [row.name, seen(row, moment)?.count].filter(Boolean).join(": "),
    );
    say(words, text);
    say(button, quiet.matches ? "Step" : running ? "Pause" : "Play");
    slider.valueAsNumber = now();
    slider.style.setProperty("--vgp-fill", `${(100 * now()) / end()}%`);
    slider.setAttribute("aria-valuetext", [text, ...counts].join("; "));
  }

  function press() {
    if (running) return pause();
    const start = now() < end() ? now() : 0;
    if (quiet.matches) return go(now() < end() ? now() + 1 : 0);
    let spent = (start / end()) * LENGTH;
    let last = performance.now();
    const next = (/** @type {number} */ time) => {
      spent += Math.min(LONGEST_BLINK, Math.max(0, time - last));
      last = time;
      const k = Math.min(end(), Math.floor((spent / LENGTH) * end()));
      running = k < end() ? requestAnimationFrame(next) : 0;
      if (k !== now() || !running) go(k);
    };
    running = requestAnimationFrame(next);
    go(start);
  }

  function pause() {
    cancelAnimationFrame(running);
    running = 0;
    tell();
  }

  quiet.addEventListener("change", pause);
  return {
    element,
    moment: () => moment,
    /** @param {Frame} next keeps the moment */
    show(next) {
      const films = rowsOf(next).flatMap(({ film }) => (film ? [film.at.map(number)] : []));
      element.hidden = !films.length;
      if (!films.length) return pause();
      frame = next;
      at = films.reduce((a, b) => (b.length > a.length ? b : a));
      slider.max = String(end());
      tell();
    },
    /** Back to the end, where it starts. */
    rewind() {
      pause();
      moment = null;
      tell();
    },
    stop() {
      cancelAnimationFrame(running);
      quiet.removeEventListener("change", pause);
    },
  };
}
