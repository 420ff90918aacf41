// @ts-check
import { h } from "./dom.js";
import { diagnosed } from "./progress.js";
/** @import { Patient, Sure } from "./types.js" */

/** @type {[Sure, string][]} */
export const SURE = [
  ["guess", "a guess"],
  ["fairly", "fairly sure"],
  ["certain", "certain"],
];
const ENOUGH = 4; // first answers of one kind, from which on a share says something

/** @param {Patient} patient */
export function state(patient) {
  const { tries, up } = diagnosed(patient.id);
  if (tries.some(({ said }) => said === patient.truth)) return up ? "given up" : "solved";
  return up ? "given up" : tries.length ? "not yet" : "new";
}

/**
 * How often the reader's first answer was right, by how sure they were of it.
 *
 * @param {Patient[]} patients
 */
export function makeCalibration(patients) {
  const lines = SURE.map(([, words]) => ({ term: h("dt", {}, capital(words)), said: h("dd") }));
  const advice = h("p");
  const element = h(
    "div",
    { class: "vgp-calibration" },
    h("p", {}, h("strong", {}, "How often is your first answer right?")),
    h("dl", {}, lines.map(({ term, said }) => h("div", {}, term, said))),
    advice,
  );
  return {
    element,
    show() {
      const counts = SURE.map(([sure]) => {
        const first = patients.filter(({ id }) => diagnosed(id).tries[0]?.sure === sure);
        const right = first.filter(({ id, truth }) => diagnosed(id).tries[0].said === truth);
        return { right: right.length, of: first.length };
      });
      lines.forEach(({ said }, k) => {
        const { right, of } = counts[k];
        said.textContent = of ? `${right} of ${of}` : "none yet";
      });
      advice.textContent = advise(counts);
    },
  };
}

/** @param {{right: number, of: number}[]} counts in the order of `SURE` */
function advise(counts) {
  const [guess, , certain] = counts;
  if (certain.of >= ENOUGH) {
    if (certain.right === certain.of) return "When you're certain, you're right. Keep it up!";
    if (certain.right / certain.of < 0.75)
      return "You're certain more often than you're right. Look at one more kind of evidence first.";
    return "When you're certain, you're mostly right. That's what the word should mean.";
  }
  if (guess.of >= ENOUGH && guess.right / guess.of > 0.5)
    return "Your guesses are better than you think.";
  return "";
}

/** @param {string} words */
export const capital = (words) => words[0].toUpperCase() + words.slice(1);
