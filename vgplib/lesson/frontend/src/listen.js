// @ts-check
import { h, say } from "./dom.js";
import * as progress from "./progress.js";

/** @typedef {{seconds: number, starts: number[]}} Recording  starts: when each word begins */
/** @typedef {{folder: string, recordings: Record<string, Recording>}} Recordings  by "chapter/place" */

const SPEEDS = [0.75, 1, 1.25, 1.5, 2];
const MARK = "vgp-spoken"; // of the word that is spoken, see listen.css

/** @type {{audio: HTMLAudioElement, keep: () => void} | null} the last that was played: one at a time */
let current = null;
addEventListener("pagehide", () => current?.keep());

/** Offer to read aloud what this page has a recording of. */
export function offerListening() {
  for (const name of Object.keys(onPage().recordings)) {
    const id = name.split("/")[1];
    const place = document.getElementById(id);
    const heading = place?.closest("section")?.querySelector("h2, h3");
    const paragraphs = place?.querySelectorAll(
      place.matches(".vgp-card") ? ":scope > details:first-of-type > p:first-of-type" : ":scope > p",
    );
    if (paragraphs) listen(id, [...paragraphs], heading?.textContent?.replace(/#$/, "") ?? "");
  }
}

/**
 * Put a player before a text, if this page has a recording of it.
 *
 * @param {string} place the id that the text has on this page
 * @param {Element[]} paragraphs
 * @param {string} title
 */
export function listen(place, paragraphs, title) {
  const { folder, recordings } = onPage();
  const name = Object.keys(recordings).find((one) => one.endsWith(`/${place}`));
  const words = wordsOf(paragraphs);
  // Another number of words is another text than was spoken.
  if (!name || recordings[name].starts.length !== words.length) return;
  paragraphs[0].before(makePlayer(name, `${folder}/${name}.mp3`, recordings[name], words, title));
  // Nothing is to speak from a fold that is closed.
  const fold = paragraphs[0].closest("details");
  fold?.addEventListener("toggle", () => fold.open || fold.querySelector("audio")?.pause());
}

/** @type {Recordings | undefined} */
let known;

/** @returns {Recordings} */
function onPage() {
  const script = document.querySelector("script.vgp-recordings");
  known ??= script ? JSON.parse(script.textContent ?? "") : { folder: "", recordings: {} };
  return /** @type {Recordings} */ (known);
}

/**
 * Play and pause, how far, how fast; and the word that is spoken is marked in the text.
 *
 * @param {string} name
 * @param {string} file
 * @param {Recording} recording
 * @param {Range[]} words
 * @param {string} title
 */
function makePlayer(name, file, { seconds, starts }, words, title) {
  const button = h("button", { type: "button", class: "vgp-toggle", onclick: press });
  const slider = h("input", {
    type: "range",
    min: 0,
    max: Math.floor(seconds),
    "aria-label": "Position",
    autocomplete: "off", // after a reload the browser would put back another
    oninput: () => {
      audio.currentTime = slider.valueAsNumber;
      tell();
    },
    onchange: keep,
  });
  const time = h("span", { class: "vgp-time" });
  const speed = h(
    "select",
    { class: "vgp-menu", "aria-label": "Speed", autocomplete: "off", onchange: hurry },
    SPEEDS.map((times) => h("option", { value: times }, `${times}×`)),
  );
  const problem = h("p", { class: "vgp-unheard", role: "status" });
  const audio = h("audio", {
    preload: "none", // a page that is only read costs no more for it
    src: file,
    onplay: started,
    onpause: () => audio.ended || keep(),
    onended: () => {
      audio.currentTime = 0;
      keep();
    },
    onerror: () => say(problem, "The recording can’t be played. Does its file lie beside the page?"),
  });
  let marked = -1;
  let begun = progress.heard(name) > 0;

  function press() {
    if (!audio.paused) return audio.pause();
    say(problem, "");
    if (current?.audio !== audio) current?.audio.pause();
    current = { audio, keep };
    audio.play().catch(() => {}); // that it fails is told above
  }

  function started() {
    begun = true;
    marked = -1;
    speed.value = String(progress.speed());
    audio.playbackRate = progress.speed();
    follow();
  }

  function hurry() {
    progress.keepSpeed(Number(speed.value));
    audio.playbackRate = progress.speed();
  }

  function follow() {
    tell();
    if (!audio.paused) requestAnimationFrame(follow);
  }

  function keep() {
    progress.keepHeard(name, audio.currentTime);
    tell();
  }

  function tell() {
    const at = Math.floor(audio.currentTime);
    say(button, audio.paused ? "Listen" : "Pause");
    say(time, begun ? `${clock(at)} / ${clock(seconds)}` : clock(seconds));
    slider.hidden = speed.hidden = !begun;
    slider.valueAsNumber = at;
    slider.style.setProperty("--vgp-fill", `${(100 * at) / Math.floor(seconds)}%`);
    slider.setAttribute("aria-valuetext", `${at} of ${Math.floor(seconds)} seconds`);
    if (current?.audio === audio)
      mark(audio.currentTime > 0 ? starts.findLastIndex((start) => start <= audio.currentTime) : -1);
  }

  /** @param {number} k a word; -1 for none */
  function mark(k) {
    if (k === marked || !("highlights" in CSS)) return;
    marked = k;
    if (k < 0) CSS.highlights.delete(MARK);
    else CSS.highlights.set(MARK, new Highlight(words[k]));
  }

  speed.value = String(progress.speed());
  audio.currentTime = progress.heard(name); // it goes on where it was left, also another day
  tell();
  return h(
    "div",
    { class: "vgp vgp-listen", role: "group", "aria-label": `Listen: ${title}` },
    audio,
    button,
    slider,
    time,
    speed,
    problem,
  );
}

/**
 * The words of a text, as `tools/audio/texts.py` counts them: what stands between two spaces. A
 * formula is a letter of its word, and what is only for screen readers is no part of the text.
 *
 * @param {Element[]} paragraphs
 */
function wordsOf(paragraphs) {
  /** @type {Range[]} */
  const words = [];
  for (const paragraph of paragraphs) {
    /** @type {Range | null} */
    let word = null;
    /** @type {(node: Node, from: number, to: number) => void} */
    const grow = (node, from, to) => {
      if (!word) {
        words.push((word = new Range()));
        word.setStart(node, from);
      }
      word.setEnd(node, to);
    };
    const walker = document.createTreeWalker(
      paragraph,
      NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT,
      (node) =>
        node instanceof Element
          ? node.matches(".vgp-told")
            ? NodeFilter.FILTER_REJECT
            : node.matches("math")
              ? NodeFilter.FILTER_ACCEPT
              : NodeFilter.FILTER_SKIP
          : node.parentElement?.closest("math")
            ? NodeFilter.FILTER_REJECT
            : NodeFilter.FILTER_ACCEPT,
    );
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (node instanceof Text)
        for (const { 0: part, index } of node.data.matchAll(/\s+|\S+/g)) {
          if (/\s/.test(part)) word = null;
          else grow(node, index, index + part.length);
        }
      else grow(node, 0, node.childNodes.length);
    }
  }
  return words;
}

/** @param {number} seconds */
const clock = (seconds) =>
  `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
