// @ts-check
import { h, say } from "./dom.js";
/** @import { Frame } from "./types.js" */

const SENTENCE = 32; // characters from which on a readout is set like prose

/** The three figures under a chart; the last is the verdict, and it is announced. */
export function makeReadouts() {
  const terms = [0, 1, 2].map(() => h("dt"));
  const values = [0, 1, 2].map((k) => h("dd", { "aria-live": k === 2 ? "polite" : null }));
  const element = h(
    "dl",
    {},
    terms.map((term, k) => h("div", {}, term, values[k])),
  );
  return {
    element,
    /** @param {Frame} frame */
    show: (frame) =>
      frame.readouts.forEach((readout, k) => {
        say(terms[k], readout.label);
        say(values[k], readout.text);
        values[k].className = `vgp-tone-${readout.tone}`;
        values[k].classList.toggle("vgp-sentence", readout.text.length > SENTENCE);
      }),
  };
}
