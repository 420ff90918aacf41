// @ts-check
/** @import { Answered } from "./types.js" */

const KEY = "vgp-progress";
const DAMAGED = "vgp-progress-damaged";

/**
 * @typedef {Record<string, Record<string, Answered>>} Answers  by chapter, by question
 * @typedef {{version: 1, answers: Answers}} Store
 */

/** @type {Store} where the browser keeps nothing for us, progress lasts as long as the page */
let memory = empty();
/** @type {Set<() => void>} */
const ears = new Set();

/** @returns {Store} */
function empty() {
  return { version: 1, answers: {} };
}

/**
 * Read a store; anything else is refused.
 *
 * @param {string} text
 * @returns {Store | null}
 */
function parse(text) {
  try {
    const store = JSON.parse(text);
    const chapters = Object.values(store.answers);
    const isAnswer = (/** @type {any} */ a) => typeof a.right === "boolean" && "choice" in a;
    const good =
      store.version === 1 &&
      isRecord(store.answers) &&
      chapters.every((chapter) => isRecord(chapter) && Object.values(chapter).every(isAnswer));
    return good ? store : null;
  } catch {
    return null;
  }
}

/** @param {any} value */
const isRecord = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** @returns {{store: Store, damaged: boolean}} */
function read() {
  try {
    const text = localStorage.getItem(KEY);
    if (text === null) return { store: empty(), damaged: false };
    const store = parse(text);
    if (store) return { store, damaged: false };
    localStorage.setItem(DAMAGED, text);
    localStorage.removeItem(KEY);
    return { store: empty(), damaged: true };
  } catch {
    return { store: memory, damaged: false };
  }
}

/** @param {Store} store */
function write(store) {
  memory = store;
  try {
    localStorage.setItem(KEY, JSON.stringify(store));
  } catch {
    // Storage is full or not allowed: `memory` serves this page.
  }
}

/**
 * The answers to a chapter's questions, and whether a damaged store was set aside.
 *
 * @param {string} chapter
 */
export function load(chapter) {
  const { store, damaged } = read();
  return { answers: store.answers[chapter] ?? {}, damaged };
}

/**
 * Keep one answer.
 *
 * @param {string} chapter
 * @param {string} question
 * @param {Answered} answered
 */
export function keep(chapter, question, answered) {
  const { store } = read();
  (store.answers[chapter] ??= {})[question] = answered;
  write(store);
}

/**
 * Forget a chapter's answers.
 *
 * @param {string} chapter
 */
export function forget(chapter) {
  const { store } = read();
  delete store.answers[chapter];
  write(store);
  ears.forEach((ear) => ear());
}

/** Everything, as the text of a file. */
export const exported = () => JSON.stringify(read().store, null, 2);

/**
 * Take over what a file holds.
 *
 * @param {string} text
 * @returns {boolean} false where it holds no progress; nothing is changed then
 */
export function imported(text) {
  const store = parse(text);
  if (!store) return false;
  write(store);
  ears.forEach((ear) => ear());
  return true;
}

/**
 * Call `ear` whenever answers were replaced or forgotten.
 *
 * @param {() => void} ear
 * @returns {() => void} stops it
 */
export function onReplaced(ear) {
  ears.add(ear);
  return () => void ears.delete(ear);
}
