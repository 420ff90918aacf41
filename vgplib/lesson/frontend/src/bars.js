// @ts-check
import { rectY, ruleY, text } from "@observablehq/plot";
import { figures, number } from "./numbers.js";
import { short } from "./scales.js";
/** @import { Frame } from "./types.js" */
/** @import { Styled } from "./styles.js" */
/** @import { Space } from "./chart.js" */

const SHARE = 0.76; // of the distance between two positions that their bars fill

/**
 * The domains, with room for whole bars and for the figures at their ends.
 *
 * @param {Frame} frame
 * @param {{x: [number, number], y: [number, number]}} domains
 */
export function widened(frame, { x, y }) {
  const bar = frame.series.find((s) => s.kind === "bar");
  if (!bar) return { x, y };
  const half = frame.x.names || frame.x.log ? 0 : spacing(bar.x.map(number)) / 2;
  const room = frame.y.log ? 0 : 0.07 * (y[1] - y[0]);
  return {
    x: /** @type {[number, number]} */ ([x[0] - half, x[1] + half]),
    y: /** @type {[number, number]} */ ([y[0] < 0 ? y[0] - room : y[0], y[1] + room]),
  };
}

/**
 * Bars from the zero line, side by side where there are several series, with their values.
 *
 * @param {Space} space
 * @param {Styled[]} series
 */
export function bars({ x, y, width, margin }, series) {
  if (!series.length) return [];
  const ground = Math.max(y.domain[0], Math.min(y.domain[1], y.place(0)));
  const solid = series.filter((s) => s.role !== "ghost" && s.role !== "theory");
  const levels = series.filter((s) => s.role === "ghost" || s.role === "theory");
  const unit = spacing(series[0].x);
  const slot = (SHARE * unit) / Math.max(1, solid.length);
  const pixels = ((width - margin.left - margin.right) / (x.domain[1] - x.domain[0])) * slot;
  const longest = Math.max(...solid.flatMap((s) => s.y.map((v) => figures(v).length)));
  const fits = 6.4 * longest < pixels / SHARE;
  return [
    ...solid.reverse().flatMap((s, n) => {
      const starts = s.x.map((v) => v - (SHARE * unit) / 2 + n * slot);
      const ys = s.y.map(y.place);
      const figure = (/** @type {boolean} */ above) =>
        text(
          s.y.filter((_, k) => ys[k] >= ground === above),
          {
            x: starts.filter((_, k) => ys[k] >= ground === above).map((v) => v + slot / 2),
            y: ys.filter((v) => v >= ground === above),
            text: (v) => figures(v),
            lineAnchor: above ? "bottom" : "top",
            dy: above ? -5 : 5,
            fill: "var(--vgp-ink)",
          },
        );
      const shape = {
        className: "vgp-bar",
        x1: starts.map((v) => v + 0.04 * slot),
        x2: starts.map((v) => v + 0.96 * slot),
        y1: s.y.map(() => ground),
        y2: ys,
      };
      // Side by side, bars differ in filling as well as in colour.
      const look = {
        fill: s.color,
        fillOpacity: n ? 0.35 : 1,
        stroke: s.color,
        strokeWidth: n ? 1.5 : 0,
      };
      return [rectY(ys, { ...shape, ...look }), ...(fits ? [figure(true), figure(false)] : [])];
    }),
    ...levels.map((s) =>
      ruleY(s.y.map(y.place), {
        x1: s.x.map((v) => v - 0.46 * unit),
        x2: s.x.map((v) => v + 0.46 * unit),
        stroke: s.color,
        strokeWidth: 2.5,
        strokeDasharray: s.dash,
      }),
    ),
    ruleY([ground], { stroke: "var(--vgp-muted)" }),
  ];
}

/**
 * A mark at each position, or at as many as have room.
 *
 * @param {Styled[]} series
 * @param {number} width pixels
 */
export function barTicks(series, width) {
  const xs = [...new Set(series.flatMap((s) => s.x))].sort((a, b) => a - b);
  const every = Math.ceil((xs.length * 44) / width);
  return xs.filter((_, k) => k % every === 0).map((at) => ({ at, text: short(at) }));
}

/** @param {number[]} xs ascending */
function spacing(xs) {
  const steps = xs.slice(1).map((v, k) => v - xs[k]);
  return steps.length ? Math.min(...steps) : 1;
}
