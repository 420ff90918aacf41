// @ts-check
import { h, say } from "./dom.js";
import { number } from "./numbers.js";
import { px, s } from "./svg.js";
/** @import { Strip } from "./types.js" */

const [HEIGHT, THIN] = [26, 12]; // alone, and among several
const LOUD = 50; // from here on a cell is drawn as too loud, as in vgplib/experiments/view.py
const JOURNEY = 500; // milliseconds from the loss to the input

/**
 * The strip above a chart: one cell a layer, filled on a linear scale, with the count in words.
 * Cells stand above their points: the loss is at the right.
 */
export function makeStrip() {
  const label = h("span", { class: "vgp-strip-label" });
  const count = h("strong", {});
  const cells = s("path", { class: "vgp-cells" });
  const fill = s("path", { class: "vgp-cell-fill" });
  const loud = s("path", { class: "vgp-cell-loud" });
  const pulse = s("rect", { class: "vgp-pulse", y: 0, height: HEIGHT + 2, rx: 2, opacity: 0 });
  const svg = s("svg", { "aria-hidden": true }, cells, fill, loud, pulse);
  const first = h("span");
  const last = h("span");
  const way = h("span", { class: "vgp-way", "aria-hidden": true });
  const ends = h("p", { class: "vgp-strip-ends" }, first, way, last);
  const element = h(
    "div",
    { class: "vgp-strip", hidden: true },
    h("p", { class: "vgp-strip-head" }, label, count),
    svg,
    ends,
  );
  /** @type {Keyframe[] | null} of the pulse that is to run next */
  let next = null;
  let running = false;

  /** A pulse costs as much as the chart: it starts after it, and one runs at a time. */
  function run() {
    running = next !== null;
    if (!next) return;
    const journey = pulse.animate(next, JOURNEY);
    next = null;
    journey.onfinish = run;
  }

  return {
    element,
    /**
     * @param {Strip | undefined} strip
     * @param {{left: number, right: number, width: number}} place of the chart below, in pixels
     * @param {boolean} moved whether a pulse tells that the signal went through again
     * @param {{name: string, mark: Element} | null} among where it is one of several: whose it is,
     *   and how that looks in the chart
     */
    show(strip, { left, right, width }, moved, among) {
      element.hidden = !strip;
      if (!strip) return;
      const height = among ? THIN : HEIGHT;
      if (among) label.replaceChildren(among.mark, h("span", {}, among.name));
      else say(label, strip.label);
      say(count, strip.count);
      say(first, strip.ends[0]);
      say(last, strip.ends[1]);
      const values = strip.cells.map(number);
      const step = (right - left) / strip.slots;
      const gap = step > 6 ? 1.5 : step > 3 ? 0.75 : 0.3;
      const at = (/** @type {number} */ k) => right - (values.length - k) * step + gap / 2;
      const bar = (/** @type {number} */ k, /** @type {number} */ high) =>
        `M${px(at(k))} ${px(height + 1)}v${px(-high)}h${px(step - gap)}v${px(high)}z`;
      const drawn = (/** @type {(v: number) => number} */ high) =>
        values.map((v, k) => (high(v) >= 0.4 ? bar(k, high(v)) : "")).join("");
      svg.setAttribute("width", String(width));
      svg.setAttribute("height", String(height + 2));
      cells.setAttribute("d", drawn(() => height));
      fill.setAttribute("d", drawn((v) => (v > LOUD ? 0 : height * Math.min(1, v))));
      loud.setAttribute("d", drawn((v) => (v > LOUD ? height : 0)));
      ends.hidden = among !== null; // they are told once
      ends.style.paddingLeft = `${Math.max(0, Math.min(at(0), right - 150))}px`;
      ends.style.paddingRight = `${width - right}px`;
      pulse.setAttribute("width", String(px(Math.max(step - gap, 3))));
      if (!moved || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
      // It fades as the signal does: where hardly anything arrives, hardly anything is seen.
      next = stops(values.length).map((k) => ({
        offset: 1 - k / Math.max(1, values.length - 1),
        transform: `translateX(${px(at(k))}px)`,
        opacity: 0.15 + 0.85 * Math.min(1, Math.max(0, values[k])),
      }));
      if (!running) requestAnimationFrame(run);
      running = true;
    },
  };
}

/**
 * Where the pulse's look is set on its way: near the loss, where a signal fades fast, at each
 * cell. A browser takes milliseconds to read a hundred of them.
 *
 * @param {number} length
 */
const stops = (length) =>
  [1, 2, 3, 5, 9]
    .filter((back) => back < length)
    .concat(length)
    .map((back) => length - back);
