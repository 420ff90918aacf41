// @ts-check
import { h, say } from "./dom.js";
/** @import { Frame } from "./types.js" */

const SENTENCE = 26; // characters from which on a readout is set like prose

/**
 * The three figures beside a chart; the last is the verdict, set large and announced.
 */
export function makeReadouts() {
  const terms = [0, 1, 2].map(() => h("dt"));
  const values = [0, 1, 2].map((k) => h("dd", { "aria-live": k === 2 ? "polite" : null }));
  const note = h("p", { class: "vgp-note" });
  const element = h(
    "div",
    { class: "vgp-figures" },
    h(
      "dl",
      {},
      terms.map((term, k) => h("div", { class: k === 2 ? "vgp-verdict" : null }, term, values[k])),
    ),
    note,
  );
  return {
    element,
    /** @param {Frame} frame */
    show(frame) {
      frame.readouts.forEach((readout, k) => {
        say(terms[k], readout.label);
        say(values[k], readout.text);
        values[k].className = `vgp-tone-${readout.tone}`;
        const long = readout.text.length > SENTENCE;
        values[k].parentElement?.classList.toggle("vgp-sentence", long);
      });
      say(note, frame.readouts[2].note ?? "");
    },
  };
}
