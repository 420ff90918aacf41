// @ts-check
import { figures } from "./numbers.js";
import { short } from "./scales.js";
import { px, s } from "./svg.js";
/** @import { Styled } from "./styles.js" */
/** @import { Space } from "./chart.js" */

const SHARE = 0.76; // of the distance between two positions that their bars fill

/**
 * Bars from the zero line, side by side where there are several series, with their values. What
 * was before, and theory, are levels across them.
 *
 * @param {Space} space
 * @param {Styled[]} series
 * @returns {SVGElement[]}
 */
export function bars({ x, y }, series) {
  if (!series.length) return [];
  const solid = series.filter((one) => one.role !== "ghost" && one.role !== "theory").reverse();
  const places = [...new Set(series.flatMap((one) => one.x))].sort((a, b) => a - b);
  const unit = places.length > 1 ? Math.abs(x.place(places[1]) - x.place(places[0])) : 80;
  const slot = (SHARE * unit) / Math.max(1, solid.length);
  const within = (/** @type {number} */ v) =>
    y.side(v) ? y.ends[y.side(v) < 0 ? 1 : 0] : y.place(v);
  const ground = within(0);
  const arrow = (/** @type {number} */ v) => ["↓ ", "", "↑ "][y.side(v) + 1];
  const values = solid.flatMap((one) => one.y);
  const longest = (/** @type {(v: number) => string} */ text) =>
    Math.max(...values.map((v) => text(v).length));
  const apart = 9 * longest((v) => arrow(v) + fine(v)) < (solid.length > 1 ? slot : unit);
  const finite = apart ? fine : figures;
  const label = (/** @type {number} */ v) => (Number.isFinite(v) ? finite(v) : name(v));
  const fits = 6.4 * longest(label) < slot / SHARE;
  const left = (/** @type {Styled} */ one, /** @type {number} */ k) =>
    x.place(one.x[k]) - (SHARE * unit) / 2 + solid.indexOf(one) * slot;

  const shapes = solid.flatMap((one, n) =>
    one.y.map((v, k) =>
      s("rect", {
        class: "vgp-bar",
        x: px(left(one, k) + 0.04 * slot),
        width: px(0.92 * slot),
        y: px(Math.min(within(v), ground)),
        height: px(Math.abs(within(v) - ground)),
        fill: one.color,
        // Side by side, bars differ in filling as well as in colour.
        "fill-opacity": n ? 0.35 : 1,
        stroke: one.color,
        "stroke-width": n ? 1.5 : 0,
      }),
    ),
  );
  const over = (/** @type {Styled} */ one, /** @type {number} */ k) =>
    within(one.y[k]) + (one.y[k] < 0 ? 15 : -6);
  const labels = solid.flatMap((one, n) =>
    one.y.flatMap((v, k) => {
      const out = y.side(v);
      if (!fits && !out) return [];
      const up = !(v < 0); // NaN stands where Inf does
      // Beyond the edge there is no room: there the number stands inside, after an arrow; and
      // where numbers are wider than bars, each series has a row of its own.
      const row = apart ? 0 : 17 * n;
      const beside = !apart && n > 0 && Math.abs(over(one, k) - over(solid[n - 1], k)) < 12;
      const inside = within(v) + (up ? 16 + row : -7 - row);
      const at = out ? inside : over(one, k) + (beside ? (up ? -14 : 14) : 0);
      return s(
        "text",
        {
          class: out ? "vgp-out vgp-on-bar" : "vgp-figure",
          x: px(left(one, k) + slot / 2),
          y: px(at),
          "text-anchor": "middle",
        },
        apart ? arrow(v) + label(v) : arrow(v).trim() + label(v),
      );
    }),
  );
  // What was before stands across its own bar; theory, or a setting of another number of series,
  // across the bars' whole place.
  const ghosts = series.filter((one) => one.role === "ghost");
  const levels = series
    .filter((one) => one.role === "ghost" || one.role === "theory")
    .map((one) => {
      const k = ghosts.length === solid.length ? ghosts.indexOf(one) : -1;
      const [start, width] =
        k < 0 ? [-0.46 * unit, 0.92 * unit] : [k * slot - (SHARE * unit) / 2, slot];
      const level = (/** @type {number} */ v, /** @type {number} */ n) =>
        `M${px(x.place(v) + start)} ${px(within(one.y[n]))}h${px(width)}`;
      return s("path", {
        class: `vgp-level vgp-${one.role}`,
        d: one.x.map(level).join(""),
        stroke: one.color,
        "stroke-width": 2.5,
        "stroke-dasharray": one.dash,
      });
    });
  const zero = s("path", {
    class: "vgp-zero",
    d: `M${px(x.ends[0])} ${px(ground)}H${px(x.ends[1])}`,
  });
  return [...shapes, ...levels, ...labels, zero];
}

/** Two decimals, or two digits. @param {number} value */
const fine = (value) => figures(value, Math.abs(value) >= 1 ? 3 : 2);

/** What isn't finite, as short as a bar is wide. @param {number} value */
const name = (value) => (Number.isNaN(value) ? "NaN" : value > 0 ? "Inf" : "−Inf");

/**
 * A mark at each position, or at as many as have room.
 *
 * @param {Styled[]} series
 * @param {import("./scales.js").Scale} x
 */
export function barTicks(series, x) {
  const xs = [...new Set(series.flatMap((one) => one.x))].sort((a, b) => a - b);
  const every = Math.ceil((xs.length * 44) / (x.ends[1] - x.ends[0]));
  return xs.filter((_, k) => k % every === 0).map((v) => ({ at: x.place(v), text: short(v) }));
}
