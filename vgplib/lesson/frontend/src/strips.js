// @ts-check
import { h, say } from "./dom.js";
import { seen } from "./film.js";
import { mark } from "./legend.js";
import { makeStrip } from "./strip.js";
import { runs } from "./styles.js";
import { rowsOf } from "./together.js";
/** @import { Frame } from "./types.js" */

/**
 * The strips above a chart: one, or a thin one for each option that is shown.
 */
export function makeStrips() {
  const label = h("span");
  const ends = h("span");
  const head = h("p", { class: "vgp-strips-head" }, label, ends);
  const strips = [makeStrip()];
  const element = h("div", { class: "vgp-strips" }, head, strips[0].element);
  return {
    element,
    /**
     * @param {Frame} frame
     * @param {number | null} moment of a film; null is its end
     * @param {{left: number, right: number, width: number}} place of the chart below, in pixels
     * @param {boolean} moved whether a pulse tells that the signal went through again
     */
    show(frame, moment, place, moved) {
      const styles = runs(frame);
      const shown = rowsOf(frame)
        .map((row, k) => ({ name: row.name ?? "", strip: seen(row, moment), look: styles[k] }))
        .filter(({ strip }) => strip);
      const many = shown.length > 1;
      head.hidden = !many;
      element.classList.toggle("vgp-many", many);
      if (many && shown[0].strip) {
        say(label, shown[0].strip.label);
        say(ends, shown[0].strip.ends.join(" ← "));
      }
      while (strips.length < shown.length) {
        strips.push(makeStrip());
        element.append(strips[strips.length - 1].element);
      }
      strips.forEach((strip, k) => {
        const { name, look, strip: one } = shown[k] ?? {};
        const among = many && look ? { name, mark: mark(look) } : null;
        strip.show(one, place, moved && !many, among);
      });
    },
  };
}
