// @ts-check

const KEY = "vgp-guesses";

/** @type {Record<string, string>} where the browser keeps nothing, guesses last as long as the page */
let memory = {};

/** @returns {Record<string, string>} */
function read() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    const good = typeof found === "object" && found !== null && !Array.isArray(found);
    return good ? { ...found, ...memory } : memory;
  } catch {
    return memory;
  }
}

/**
 * What the reader guessed before; null where they were not asked yet.
 *
 * @param {string | undefined} id of the prediction
 * @returns {string | null} an empty text where they wanted to see it without a guess
 */
export function remembered(id) {
  const guess = id === undefined ? null : read()[id];
  return typeof guess === "string" ? guess : null;
}

/**
 * @param {string | undefined} id of the prediction; without one, nothing is kept
 * @param {string | null} guess null forgets it
 */
export function remember(id, guess) {
  if (id === undefined) return;
  const all = read();
  if (guess === null) delete all[id];
  else all[id] = guess;
  memory = all;
  try {
    localStorage.setItem(KEY, JSON.stringify(all));
  } catch {
    // Storage that is full or forbidden: the guess lasts as long as the page.
  }
}
