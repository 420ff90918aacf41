// @ts-check

/**
 * What this device can speak with, in English. A voice that is not on the device itself would send
 * the text to somebody, so it isn't offered.
 */
export const localVoices = () =>
  "speechSynthesis" in window
    ? speechSynthesis.getVoices().filter(({ localService, lang }) => localService && /^en([-_]|$)/i.test(lang))
    : [];

/** @param {() => void} ear is told when the device has found its voices, which may take a while */
export function onVoices(ear) {
  if ("speechSynthesis" in window) speechSynthesis.addEventListener("voiceschanged", ear);
}

/**
 * Speak some words, a sentence at a time: some voices don't tell where in a text they are.
 *
 * @param {string[]} words
 * @param {SpeechSynthesisVoice} voice
 * @param {number} rate how fast; 1 is as the voice is
 * @param {{at: (k: number) => void, ended: () => void, failed: () => void}} tell the word that it
 *   is at, counted from 0; once, that all is spoken, or that it can't be
 * @returns {() => void} stops it, and nothing is told any more
 */
export function speak(words, voice, rate, tell) {
  let over = false;
  /** @type {SpeechSynthesisUtterance} kept, since an object that is collected tells nothing */
  let one;
  speechSynthesis.cancel(); // what another page left waiting
  sentence(0);

  /** @param {number} first word */
  function sentence(first) {
    if (first >= words.length) {
      over = true;
      tell.ended();
      return;
    }
    const end = words.findIndex((word, k) => k >= first && /[.!?:][^\p{L}\p{N}]*$/u.test(word));
    const next = end < 0 ? words.length : end + 1;
    let text = "";
    const starts = words.slice(first, next).map((word) => {
      text += text && " ";
      const start = text.length;
      text += word;
      return start;
    });
    one = new SpeechSynthesisUtterance(text);
    Object.assign(one, { voice, lang: voice.lang, rate });
    one.onstart = () => over || tell.at(first);
    one.onboundary = ({ charIndex }) =>
      over || tell.at(first + starts.findLastIndex((start) => start <= charIndex));
    one.onend = () => over || sentence(next);
    one.onerror = () => {
      if (!over) tell.failed();
      over = true;
    };
    speechSynthesis.speak(one);
  }

  return () => {
    over = true;
    speechSynthesis.cancel();
  };
}

/**
 * A text as it's read aloud; a formula in words.
 *
 * @param {Node} node
 * @returns {string}
 */
export function said(node) {
  if (node instanceof Text) return node.data.replace("−", "minus");
  const parts = [...node.childNodes].map(said);
  const name = node instanceof Element ? node.localName : "";
  if (name === "msup") return parts.join(" to the power of ");
  return parts.join(/^m(?!ath$|text$|[ion]$)/.test(name) ? " " : "");
}
