// @ts-check
import { h, say } from "./dom.js";
import { number, numberHelp, parseNumber } from "./numbers.js";
import { makeTally, total } from "./tally.js";
import { plain, prose } from "./text.js";
/** @import { BenchSpec } from "./types.js" */

/**
 * What a room is asked: among options, or for a number.
 *
 * @typedef {{id: string, options: {label: (Node | string)[], name: string}[],
 *   answer: number}} Options  answer: the right one's place; -1 where nobody can mark it
 * @typedef {{id: string, unit: string, log: boolean, measured: number, text: string}} Figure
 *   text: the measured number, as it is told
 * @typedef {Record<string, number>} Counts  hands, by what they say
 * @typedef {{counts: Counts, before: Counts | null, shown: boolean}} Counted
 */

const KEY = "vgp-hands";
const MOST = 999;

/** @type {Record<string, Counted>} where nothing can be kept, for as long as the page */
let memory = {};

/** @returns {Record<string, Counted>} */
function read() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "{}");
  } catch {
    return memory;
  }
}

/**
 * Kept for this tab alone, and as long as it is open.
 *
 * @param {string} id
 * @param {Counted} counted
 */
function keep(id, counted) {
  memory = { ...read(), [id]: counted };
  try {
    sessionStorage.setItem(KEY, JSON.stringify(memory));
  } catch {
    // `memory` has it
  }
}

/**
 * A show of hands on a bench's prediction.
 *
 * @param {NonNullable<BenchSpec["predict"]>} question
 */
export function handsOn(question) {
  const { id } = question;
  if (!("numeric" in question)) {
    const options = question.options.map((option) => ({ label: prose(option), name: plain(option) }));
    return makeHands({ id, options, answer: question.answer });
  }
  const { value, text, percent, log } = question.numeric;
  const unit = percent ? "%" : question.numeric.unit;
  const measured = number(value) * (percent ? 100 : 1);
  return makeHands({ id, unit, log, measured, text: `${text} ${unit}`.trim() });
}

/**
 * Count hands, then show them as bars beside the answer. A vote that is taken again, after
 * neighbours talked, stands beside the first.
 *
 * @param {Options | Figure} asked
 */
export function makeHands(asked) {
  /** @type {Counted} */
  let now = read()[asked.id] ?? { counts: {}, before: null, shown: false };
  const place = h("div");
  const status = h("p", { class: "vgp-hands-said", role: "status" });
  const button = (/** @type {string} */ look, /** @type {string} */ words, /** @type {() => void} */ onclick) =>
    h("button", { type: "button", class: look, onclick }, words);
  const reveal = button("vgp-button", "Reveal", () => change({ shown: !now.shown }));
  const again = button("vgp-plain", "Vote again", () => restart({ before: now.counts }));
  const clear = button("vgp-plain", "Clear", () => restart({ before: null }));
  const add = "options" in asked ? null : makeEntry(asked, addGuess);
  const element = h(
    "details",
    { class: "vgp-hands" },
    h("summary", {}, "Show of hands"),
    add,
    place,
    h("div", { class: "vgp-actions" }, reveal, again, clear),
    status,
  );

  /** @param {Partial<Counted>} part */
  function change(part) {
    now = { ...now, ...part };
    keep(asked.id, now);
    draw();
  }

  /** @param {Partial<Counted>} part */
  function restart(part) {
    change({ counts: {}, shown: false, ...part });
    element.querySelector("input")?.focus();
  }

  /** @param {string} text a number that somebody said */
  function addGuess(text) {
    if ("options" in asked) return;
    const value = parseNumber(text, asked.unit);
    const known = Object.keys(now.counts).find((one) => parseNumber(one, asked.unit) === value);
    const key = known ?? text;
    change({ counts: { ...now.counts, [key]: Math.min(MOST, (now.counts[key] ?? 0) + 1) } });
  }

  /** What the room may have said, in order; and the truth, once it is shown. */
  function said() {
    if ("options" in asked)
      return asked.options.map(({ label, name }, k) => ({
        key: name,
        label: label.map((part) => (part instanceof Node ? part.cloneNode(true) : part)),
        truth: now.shown && k === asked.answer ? "✓ the answer" : "",
      }));
    const { unit, measured, text } = asked;
    const guesses = [...new Set([now.counts, now.before ?? {}].flatMap(Object.keys))].map((key) => ({
      key,
      label: [`${key} ${unit}`.trim()],
      truth: "",
      value: parseNumber(key, unit) ?? NaN,
    }));
    if (now.shown) guesses.push({ key: "", label: [text], truth: "✓ measured", value: measured });
    return guesses.sort((a, b) => a.value - b.value);
  }

  function draw() {
    const rows = said();
    const tally = makeTally(
      rows.length ? "How many hands?" : "Nothing was said yet.",
      "Hands",
      rows.map(({ key, label, truth }) =>
        key ? { label, truth, counter: makeCounter(key, show) } : { label, truth, unsaid: true },
      ),
    );
    place.replaceChildren(tally.element);
    show();

    function show() {
      const count = (/** @type {Counts} */ counts) => rows.map(({ key }) => counts[key] ?? 0);
      const before = now.before && count(now.before);
      tally.show({ counts: count(now.counts), before, drawn: now.shown });
      say(status, now.shown ? told(total(Object.values(now.counts)), rows) : "");
    }

    reveal.textContent = now.shown ? "Hide" : "Reveal";
  }

  /**
   * A number of hands to type, or to change by one.
   *
   * @param {string} key
   * @param {() => void} counted
   */
  function makeCounter(key, counted) {
    const set = (/** @type {number} */ count) => {
      const hands = Math.max(0, Math.min(MOST, Math.trunc(count) || 0));
      now = { ...now, counts: { ...now.counts, [key]: hands } };
      keep(asked.id, now);
      counted();
    };
    const input = h("input", {
      type: "number",
      min: 0,
      max: MOST,
      inputmode: "numeric",
      value: now.counts[key] ?? 0,
      "aria-label": `Hands for: ${key}`,
      oninput: () => set(input.valueAsNumber),
      onchange: () => (input.value = String(now.counts[key] ?? 0)),
    });
    const step = (/** @type {number} */ by, /** @type {string} */ sign, /** @type {string} */ words) => {
      const onclick = () => {
        set((now.counts[key] ?? 0) + by);
        input.value = String(now.counts[key]);
      };
      // The arrow keys do the same in the field, so that Tab goes from field to field.
      const name = `${words}: ${key}`;
      return h("button", { type: "button", class: "vgp-toggle", tabindex: -1, "aria-label": name, onclick }, sign);
    };
    const [less, more] = [step(-1, "−", "One hand fewer for"), step(1, "+", "One more hand for")];
    return h("span", { class: "vgp-counter" }, less, input, more);
  }

  draw();
  return element;
}

/**
 * Where a number that somebody calls out is typed: Enter adds it.
 *
 * @param {Figure} asked
 * @param {(text: string) => void} add
 */
function makeEntry({ id, unit, log }, add) {
  const name = `vgp-hands-${id}`;
  const problem = h("p", { role: "status", class: "vgp-hands-said" });
  const input = h("input", { id: name, type: "text", class: "vgp-entry", autocomplete: "off", spellcheck: "false" });
  const onsubmit = (/** @type {Event} */ event) => {
    event.preventDefault();
    const value = parseNumber(input.value, unit);
    const good = value !== null && !(log && value <= 0);
    say(problem, good ? "" : numberHelp(input.value, log ? "a number above 0" : "a number"));
    input.setAttribute("aria-invalid", String(!good));
    if (good) {
      add(input.value.trim());
      input.value = "";
    }
    input.focus();
  };
  return h(
    "form",
    { class: "vgp-hands-entry", novalidate: true, onsubmit },
    h("label", { for: name }, "A guess that you hear"),
    input,
    unit ? h("span", {}, unit) : null,
    h("button", { type: "submit", class: "vgp-button" }, "Add"),
    problem,
  );
}

/**
 * What is told when hands are shown.
 *
 * @param {number} hands
 * @param {{label: (Node | string)[], truth: string}[]} rows
 */
function told(hands, rows) {
  const counted = `${hands} ${hands === 1 ? "hand" : "hands"}.`;
  const right = rows.find(({ truth }) => truth);
  if (!right) return counted;
  const words = right.label.map((part) => (part instanceof Node ? part.textContent : part)).join("");
  return `${counted} ${right.truth === "✓ measured" ? "Measured" : "The answer"}: ${words}.`;
}
