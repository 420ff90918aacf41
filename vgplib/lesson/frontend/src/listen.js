// @ts-check
import { h, say } from "./dom.js";
import * as progress from "./progress.js";
import { localVoices, onVoices, said, speak } from "./speak.js";

/** @typedef {{seconds: number, starts: number[]}} Recording  starts: when each word begins */
/** @typedef {{folder: string, recordings: Record<string, Recording>}} Recordings  by "chapter/place" */

const SPEEDS = [0.75, 1, 1.25, 1.5, 2];
const MARK = "vgp-spoken"; // of the word that is spoken, see listen.css

/** @type {{pause: () => void} | null} who was asked to speak last: one at a time */
let current = null;
addEventListener("pagehide", () => current?.pause()); // a voice would go on without its page

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
  const player = makePlayer(name, `${folder}/${name}.mp3`, recordings[name], words, title);
  paragraphs[0].before(player.element);
  // Nothing is to speak from a fold that is closed.
  const fold = paragraphs[0].closest("details");
  fold?.addEventListener("toggle", () => fold.open || player.pause());
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
 * Play and pause, how far, how fast; and the word that is spoken is marked in the text. A voice of
 * the reader's own device may speak in the recording's place: at a word, it's as far as that is in
 * the recording.
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
    oninput: () => go(slider.valueAsNumber),
    onchange: keep,
  });
  const time = h("span", { class: "vgp-time" });
  const speed = h(
    "select",
    { class: "vgp-menu", "aria-label": "Speed", autocomplete: "off", onchange: hurry },
    SPEEDS.map((times) => h("option", { value: times }, `${times}×`)),
  );
  const voice = h("select", { class: "vgp-menu", "aria-label": "Voice", autocomplete: "off", onchange: change });
  const problem = h("p", { class: "vgp-unheard", role: "status" });
  const audio = h("audio", {
    preload: "none", // a page that is only read costs no more for it
    src: file,
    onplay: follow,
    onpause: () => stop || audio.ended || keep(),
    onended: finish,
    onerror: () => say(problem, "The recording can’t be played. Does its file lie beside the page?"),
  });
  const element = h(
    "div",
    { class: "vgp vgp-listen", role: "group", "aria-label": `Listen: ${title}` },
    ...[audio, button, slider, time, speed, voice, problem],
  );
  const self = { pause };
  /** @type {(() => void) | null} stops the device's voice while it speaks */
  let stop = null;
  let place = progress.heard(name); // it goes on where it was left, also another day
  let marked = -1;
  let frame = 0;
  let begun = place > 0;

  const isSpeaking = () => stop !== null || !audio.paused;
  const chosen = () => localVoices().find(({ voiceURI }) => voiceURI === progress.voice());
  const word = () => starts.findLastIndex((start) => start <= place);

  function press() {
    if (isSpeaking()) return pause();
    say(problem, "");
    if (current !== self) current?.pause();
    current = self;
    begun = true;
    marked = -1;
    settle();
    play();
  }

  function play() {
    const own = chosen();
    audio.playbackRate = progress.speed();
    if (!own) return void audio.play().catch(() => {}); // that it fails is told above
    const first = Math.max(0, word());
    const texts = words.slice(first).map((range) => said(range.cloneContents()));
    stop = speak(texts, own, progress.speed(), {
      at: (k) => (place = starts[first + k]),
      ended: finish,
      failed() {
        pause();
        say(problem, "This voice can’t speak just now. Choose another one.");
      },
    });
    follow();
  }

  function pause() {
    if (!isSpeaking()) return;
    if (!stop) audio.pause();
    else {
      stop();
      stop = null;
      audio.currentTime = place; // the recording goes on from here, should it be chosen
    }
    keep();
  }

  function finish() {
    stop = null;
    go(0);
    keep();
  }

  /** @param {number} second */
  function go(second) {
    place = audio.currentTime = second;
    if (stop) again();
    tell();
  }

  /** With what was changed, from where it is. */
  function again() {
    pause();
    play();
  }

  function hurry() {
    progress.keepSpeed(Number(speed.value));
    audio.playbackRate = progress.speed();
    if (stop) again();
  }

  function change() {
    const speaking = isSpeaking();
    pause();
    progress.keepVoice(voice.value);
    if (speaking) play();
  }

  /** Show the speed and the voice that are set, maybe by another player. */
  function settle() {
    const own = localVoices();
    const options = own.map(({ name, voiceURI }) => h("option", { value: voiceURI }, name));
    voice.replaceChildren(h("option", { value: "" }, "Recorded voice"), ...options);
    voice.value = chosen()?.voiceURI ?? "";
    speed.value = String(progress.speed());
    tell();
  }

  function follow() {
    if (stop && !element.isConnected) return pause();
    tell();
    cancelAnimationFrame(frame);
    if (isSpeaking()) frame = requestAnimationFrame(follow);
  }

  function keep() {
    if (!stop) place = audio.currentTime;
    progress.keepHeard(name, place);
    tell();
  }

  function tell() {
    if (!stop) place = audio.currentTime;
    const at = Math.floor(place);
    say(button, isSpeaking() ? "Pause" : "Listen");
    say(time, begun ? `${clock(at)} / ${clock(seconds)}` : clock(seconds));
    slider.hidden = speed.hidden = !begun;
    voice.hidden = !begun || voice.length < 2;
    slider.valueAsNumber = at;
    slider.style.setProperty("--vgp-fill", `${(100 * at) / Math.floor(seconds)}%`);
    slider.setAttribute("aria-valuetext", `${at} of ${Math.floor(seconds)} seconds`);
    if (current === self) mark(place > 0 ? word() : -1);
  }

  /** @param {number} k a word; -1 for none */
  function mark(k) {
    if (k === marked || !("highlights" in CSS)) return;
    marked = k;
    if (k < 0) CSS.highlights.delete(MARK);
    else CSS.highlights.set(MARK, new Highlight(words[k]));
  }

  audio.currentTime = place;
  onVoices(settle);
  settle();
  return { element, pause };
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
