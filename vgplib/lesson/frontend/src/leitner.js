// @ts-check
/**
 * When a question of the self-test comes again. Who gets it moves it up a level, and on each level
 * it rests longer: the boxes of Sebastian Leitner.
 *
 * @typedef {"again" | "nearly" | "got"} Mark  what a reader says of their own answer
 * @typedef {{level: number, round: number}} Grade  how often in a row it was got, and in which round
 *   it was asked last
 * @typedef {Record<string, Grade | undefined>} Grades  by question; none for one that is new
 */

export const RESTS = [0, 1, 3, 7]; // rounds, by level
const SIZE = 8; // questions in a round, at most

/** @param {Grade | undefined} grade the first round in which it may be asked */
const due = (grade) => (grade ? grade.round + 1 + RESTS[grade.level] : 0);

/** @param {Grade | undefined} grade weak ones first, then new ones, then those that have rested */
const rank = (grade) => (grade ? (grade.level ? 2 : 0) : 1);

/**
 * The round to come: its number, and what it asks. Rounds in which everything rests are skipped.
 *
 * @param {string[]} names all questions, in their order
 * @param {Grades} grades
 */
export function nextRound(names, grades) {
  const last = Math.max(0, ...names.map((name) => grades[name]?.round ?? 0));
  const number = Math.max(last + 1, Math.min(...names.map((name) => due(grades[name]))));
  const asked = names
    .filter((name) => due(grades[name]) <= number)
    .sort((a, b) => rank(grades[a]) - rank(grades[b]) || due(grades[a]) - due(grades[b]));
  return { number, names: asked.slice(0, SIZE) };
}

/**
 * A question's new grade.
 *
 * @param {Grade | undefined} before
 * @param {Mark} mark
 * @param {number} round
 * @param {boolean} missed whether it was marked "again" earlier in this round
 * @returns {Grade}
 */
export function graded(before, mark, round, missed) {
  const got = mark === "got" && !missed;
  return { level: got ? Math.min((before?.level ?? 0) + 1, RESTS.length - 1) : 0, round };
}

/**
 * How many questions are got, weak and new.
 *
 * @param {string[]} names
 * @param {Grades} grades
 */
export function count(names, grades) {
  const ranks = names.map((name) => rank(grades[name]));
  const [weak, fresh, got] = [0, 1, 2].map((k) => ranks.filter((one) => one === k).length);
  return { weak, fresh, got };
}
