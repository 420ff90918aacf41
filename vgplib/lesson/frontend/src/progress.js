// @ts-check
import { RESTS } from "./leitner.js";
/** @import { Grade } from "./leitner.js" */
/** @import { Chosen, Diagnosed, Sure, Vote } from "./types.js" */

const KEY = "vgp-progress";
const DAMAGED = "vgp-progress-damaged";

/**
 * Whether an answer is right is not kept: the question says so, and it may have been mended since.
 *
 * @typedef {Record<string, Record<string, {choice: Chosen}>>} Answers  by chapter, by question
 * @typedef {{sections: number, read: string[], questions: number, right: number}} Tally
 * @typedef {{version: 1, answers: Answers, votes: Record<string, Vote>,
 *   guesses: Record<string, string>, chapters: Record<string, Tally>,
 *   patients: Record<string, Diagnosed>, cards: Record<string, Grade>,
 *   heard: Record<string, number>, speed: number, voice: string,
 *   missed: Record<string, string[]>}} Store
 *   guesses: by prediction; an empty text where the reader wanted to see it without a guess;
 *   cards: by question of the self-test; heard: by recording, the second where it was left;
 *   voice: the address of one of this device, or "" for the recorded one;
 *   missed: by chapter, the questions that were answered wrong and not repeated since
 */

/** @type {Store} where the browser keeps nothing for us, progress lasts as long as the page */
let memory = empty();
let kept = true; // whether the browser took the last change
let damaged = false;
let apart = false;
/** @type {Set<() => void>} */
const ears = new Set();

/** From now on, nothing is read or kept: what a room answers is not this reader's progress. */
export function standApart() {
  apart = true;
}

/** @returns {Store} */
function empty() {
  return {
    version: 1,
    answers: {},
    votes: {},
    guesses: {},
    chapters: {},
    patients: {},
    cards: {},
    heard: {},
    speed: 1,
    voice: "",
    missed: {},
  };
}

/**
 * @param {unknown} value
 * @returns {value is Record<string, any>}
 */
const isRecord = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * @param {unknown} value
 * @param {(value: any) => boolean} test
 */
const isRecordOf = (value, test) => isRecord(value) && Object.values(value).every(test);

const isCount = (/** @type {unknown} */ value) => Number.isInteger(value) && Number(value) >= 0;
const isText = (/** @type {unknown} */ value) => typeof value === "string";

/** @param {unknown} answer */
function isAnswer(answer) {
  if (!isRecord(answer)) return false;
  const { choice } = answer;
  return isText(choice) || isCount(choice) || (Array.isArray(choice) && choice.every(isCount));
}

/** @param {unknown} value */
const isTally = (value) =>
  isRecord(value) &&
  [value.sections, value.questions, value.right].every(isCount) &&
  Array.isArray(value.read) &&
  value.read.every(isText);

/** @param {unknown} value */
const isGrade = (value) =>
  isRecord(value) && isCount(value.round) && isCount(value.level) && value.level < RESTS.length;

const isPositive = (/** @type {unknown} */ value) => typeof value === "number" && value > 0;

const isVote = (/** @type {any} */ vote) => ["holds", "depends", "false"].includes(vote);

const isSure = (/** @type {any} */ sure) => ["guess", "fairly", "certain"].includes(sure);

/** @param {unknown} value */
const isDiagnosed = (value) =>
  isRecord(value) &&
  typeof value.up === "boolean" &&
  Array.isArray(value.tries) &&
  value.tries.every((one) => isRecord(one) && isText(one.said) && isSure(one.sure));

/**
 * Read a store; anything else is refused.
 *
 * @param {string} text
 * @returns {Store | null}
 */
function parse(text) {
  try {
    const found = JSON.parse(text);
    const store = { ...empty(), ...found };
    const good =
      found.version === 1 &&
      isRecordOf(found.answers, (chapter) => isRecordOf(chapter, isAnswer)) &&
      isRecordOf(store.votes, isVote) &&
      isRecordOf(store.guesses, isText) &&
      isRecordOf(store.chapters, isTally) &&
      isRecordOf(store.patients, isDiagnosed) &&
      isRecordOf(store.cards, isGrade) &&
      isRecordOf(store.heard, isPositive) &&
      isPositive(store.speed) &&
      isText(store.voice) &&
      isRecordOf(store.missed, (ids) => Array.isArray(ids) && ids.every(isText));
    return good ? store : null;
  } catch {
    return null;
  }
}

/** @returns {Store} */
function read() {
  if (!kept || apart) return memory;
  try {
    const text = localStorage.getItem(KEY);
    if (text === null) return empty();
    const store = parse(text);
    if (store) return store;
    damaged = true;
    localStorage.setItem(DAMAGED, text);
    localStorage.removeItem(KEY);
    return empty();
  } catch {
    return memory;
  }
}

/**
 * Change the store, and tell who listens.
 *
 * @param {(store: Store) => void} change
 */
function update(change) {
  const store = read();
  change(store);
  write(store);
}

/** @param {Store} store */
function write(store) {
  memory = store;
  try {
    if (!apart) localStorage.setItem(KEY, JSON.stringify(store));
    kept = true;
  } catch {
    kept = false; // storage is full or not allowed: `memory` serves this page
  }
  ears.forEach((ear) => ear());
}

/** Whether the browser keeps what was done; else it is gone with the page. */
export const isKept = () => kept;

/** Whether what was kept here could not be read, and was set aside. */
export const wasDamaged = () => damaged;

/**
 * The answers to a chapter's questions.
 *
 * @param {string} chapter
 * @returns {Record<string, {choice: Chosen} | undefined>}
 */
export const load = (chapter) => read().answers[chapter] ?? {};

/**
 * Keep one answer.
 *
 * @param {string} chapter
 * @param {string} question
 * @param {Chosen} choice
 */
export const keep = (chapter, question, choice) =>
  update(({ answers }) => ((answers[chapter] ??= {})[question] = { choice }));

/**
 * Forget a chapter's answers.
 *
 * @param {string} chapter
 */
export const forget = (chapter) =>
  update(({ answers, missed }) => {
    delete answers[chapter];
    delete missed[chapter];
  });

/** The questions that were answered wrong, by chapter. */
export const missed = () => read().missed;

/**
 * Note that a question was answered wrong.
 *
 * @param {string} chapter
 * @param {string} question
 */
export function miss(chapter, question) {
  if (!missed()[chapter]?.includes(question))
    update(({ missed }) => (missed[chapter] ??= []).push(question));
}

/**
 * A question that was missed is answered right, later.
 *
 * @param {string} chapter
 * @param {string} question
 */
export const repeated = (chapter, question) =>
  update(({ missed }) => (missed[chapter] = (missed[chapter] ?? []).filter((id) => id !== question)));

/**
 * What the reader said to a claim.
 *
 * @param {string} claim
 * @returns {Vote | undefined}
 */
export const vote = (claim) => read().votes[claim];

/**
 * @param {string} claim
 * @param {Vote} said
 */
export const keepVote = (claim, said) => update(({ votes }) => (votes[claim] = said));

/**
 * What the reader guessed before a chart showed; null where they were not asked yet.
 *
 * @param {string} prediction
 * @returns {string | null}
 */
export const guess = (prediction) => read().guesses[prediction] ?? null;

/**
 * @param {string} prediction
 * @param {string | null} said null forgets it
 */
export const keepGuess = (prediction, said) =>
  update(({ guesses }) => {
    if (said === null) delete guesses[prediction];
    else guesses[prediction] = said;
  });

/** How well the reader knew each question of the self-test. */
export const grades = () => read().cards;

/**
 * @param {string} card
 * @param {Grade} grade
 */
export const keepGrade = (card, grade) => update(({ cards }) => (cards[card] = grade));

/** @param {string[]} names */
export const forgetGrades = (names) =>
  update(({ cards }) => names.forEach((name) => delete cards[name]));

/**
 * What the reader said of a patient of the clinic.
 *
 * @param {string} patient
 * @returns {Diagnosed}
 */
export const diagnosed = (patient) => read().patients[patient] ?? { tries: [], up: false };

/**
 * @param {string} patient
 * @param {string} said
 * @param {Sure} sure
 */
export const keepDiagnosis = (patient, said, sure) =>
  update(({ patients }) => {
    const { tries, up } = patients[patient] ?? { tries: [], up: false };
    patients[patient] = { tries: [...tries, { said, sure }], up };
  });

/** @param {string} patient the reader wants to be told */
export const giveUp = (patient) =>
  update(({ patients }) => (patients[patient] = { tries: patients[patient]?.tries ?? [], up: true }));

/** Forget what the reader said of all patients. */
export const discharge = () => update((store) => (store.patients = {}));

/**
 * The second at which a recording was left; 0 where it has not begun, or was heard to its end.
 *
 * @param {string} recording
 */
export const heard = (recording) => read().heard[recording] ?? 0;

/**
 * @param {string} recording
 * @param {number} second
 */
export const keepHeard = (recording, second) =>
  update(({ heard }) => {
    const rounded = Math.round(10 * second) / 10;
    if (rounded > 0) heard[recording] = rounded;
    else delete heard[recording];
  });

/** How fast recordings are played; 1 is as they were spoken. */
export const speed = () => read().speed;

/** @param {number} times */
export const keepSpeed = (times) => update((store) => (store.speed = times));

/** With which voice texts are read: one of this device, or "" for the recorded one. */
export const voice = () => read().voice;

/** @param {string} address */
export const keepVoice = (address) => update((store) => (store.voice = address));

/**
 * How far the reader is in a chapter; zeros where they have not opened it.
 *
 * @param {string} chapter
 * @returns {Tally}
 */
export const tally = (chapter) =>
  read().chapters[chapter] ?? { sections: 0, read: [], questions: 0, right: 0 };

/**
 * Note how far the reader is; what is as it was is not written again.
 *
 * @param {string} chapter
 * @param {Partial<Tally>} part
 */
export function note(chapter, part) {
  const before = tally(chapter);
  const after = { ...before, ...part };
  if (JSON.stringify(before) === JSON.stringify(after)) return;
  update(({ chapters }) => (chapters[chapter] = after));
}

/** Everything, as the text of a file. */
export const exported = () => JSON.stringify(read(), null, 2);

/**
 * Take over what a file holds.
 *
 * @param {string} text
 * @returns {boolean} false where it holds no progress; nothing is changed then
 */
export function imported(text) {
  const store = parse(text);
  if (store) write(store);
  return store !== null;
}

/**
 * Call `ear` whenever progress changed, here or in another tab.
 *
 * @param {() => void} ear
 * @returns {() => void} stops it
 */
export function onProgress(ear) {
  const other = (/** @type {StorageEvent} */ { key }) => {
    if (key === KEY || key === null) ear();
  };
  ears.add(ear);
  addEventListener("storage", other);
  return () => {
    ears.delete(ear);
    removeEventListener("storage", other);
  };
}
