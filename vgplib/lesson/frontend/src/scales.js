// @ts-check
import { figures, number, superscript } from "./numbers.js";
/** @import { Axis, Num } from "./types.js" */

/**
 * An axis, ready to draw on: `place` puts a value on a plain linear scale with ends `domain`.
 *
 * @typedef {{place(value: number): number, domain: [number, number],
 *   ticks: {at: number, text: string}[], slanted?: boolean, grid: number[],
 *   edges: number[]}} Scale  slanted: the names of the ticks are too long to stand side by side
 */

const EDGE = 30; // pixels between the drawn domain and the line for values outside of it

/**
 * The horizontal axis.
 *
 * @param {Axis} axis
 * @param {[number, number]} domain
 * @param {number} width pixels
 * @returns {Scale}
 */
export function xScale(axis, domain, width) {
  if (axis.names) {
    const room = Math.floor(width / axis.names.length / 7); // in characters
    const slanted = axis.names.flatMap((name) => name.split(" ")).some((w) => w.length > room);
    return {
      place: (v) => v,
      domain: [-0.5, axis.names.length - 0.5],
      ticks: axis.names.map((name, at) => ({ at, text: slanted ? name : wrap(name, room) })),
      slanted,
      grid: [],
      edges: [],
    };
  }
  const [low, high] = ends(domain, axis.log);
  const place = (/** @type {number} */ v) =>
    Math.min(high, Math.max(low, axis.log ? Math.log10(v) : v));
  const ticks = marks(axis, low, high, width / 64);
  return { place, domain: [low, high], ticks, grid: [], edges: [] };
}

/**
 * The vertical axis. Values that it cannot show get a line of their own: below the domain (on a
 * log axis also 0 and less) on a floor, above it and not finite on a ceiling.
 *
 * @param {Axis} axis
 * @param {[number, number]} domain
 * @param {number[]} values everything that will be drawn
 * @param {number} height pixels
 * @returns {Scale}
 */
export function yScale(axis, domain, values, height) {
  const [low, high] = ends(domain, axis.log);
  const gap = ((high - low) * EDGE) / height;
  const slack = (high - low) * 1e-6; // the ends themselves are inside, whatever their last digit
  const at = (/** @type {number} */ v) => (axis.log ? (v > 0 ? Math.log10(v) : -Infinity) : v);
  const isBelow = (/** @type {number} */ v) => Number.isFinite(v) && at(v) < low - slack;
  const isAbove = (/** @type {number} */ v) => !Number.isFinite(v) || at(v) > high + slack;
  const floor = values.some(isBelow);
  const ceiling = values.filter(isAbove);
  const finite = ceiling.some(Number.isFinite);
  const ticks = marks(axis, low, high, height / 36);
  const grid = ticks.map((tick) => tick.at);
  const edges = [];
  if (floor) {
    const name = axis.floor ?? (axis.log ? "0" : "off the chart");
    ticks.push({ at: low - gap, text: wrap(name, 8) });
    edges.push(low - gap);
  }
  if (ceiling.length) {
    const infinite = ceiling.some((v) => !Number.isFinite(v));
    const name = infinite ? (finite ? "not finite, off chart" : "not finite") : "off the chart";
    ticks.push({ at: high + gap, text: wrap(name, 11) });
    edges.push(high + gap);
  }
  return {
    place: (v) => (isAbove(v) ? high + gap : isBelow(v) ? low - gap : at(v)),
    domain: [floor ? low - gap : low, ceiling.length ? high + gap : high],
    ticks,
    grid,
    edges,
  };
}

/**
 * The domain that holds both.
 *
 * @param {[Num, Num]} domain
 * @param {[Num, Num]} [other]
 * @returns {[number, number]}
 */
export function union(domain, other = domain) {
  const all = [...domain, ...other].map(number);
  return [Math.min(...all), Math.max(...all)];
}

/**
 * @param {[number, number]} domain
 * @param {boolean} [log]
 */
function ends([low, high], log) {
  const top = log ? Math.log10(high > 0 ? high : 1) : high;
  const bottom = log ? (low > 0 ? Math.log10(low) : top - 3) : low;
  return top > bottom ? [bottom, top] : [bottom - 0.5, bottom + 0.5];
}

/**
 * @param {Axis} axis
 * @param {number} low
 * @param {number} high
 * @param {number} most about how many fit
 */
function marks(axis, low, high, most) {
  return axis.log ? powers(low, high, most) : plain(low, high, most, axis.whole ?? false);
}

/**
 * @param {number} low
 * @param {number} high
 * @param {number} most
 */
function powers(low, high, most) {
  const within = (/** @type {number} */ p) => p >= low - 1e-9 && p <= high + 1e-9;
  if (high - low < 1.5) {
    const steps = [1, 2, 5].flatMap((m) =>
      range(Math.floor(low), Math.ceil(high), 1).map((p) => ({ m, p, at: Math.log10(m) + p })),
    );
    return steps
      .filter(({ at }) => within(at))
      .map(({ m, p, at }) => ({ at, text: short(m * 10 ** p) }));
  }
  const step = [1, 2, 5, 10, 20, 50, 100].find((s) => (high - low) / s <= most) ?? 200;
  const found = range(Math.ceil(low / step) * step, high + 1e-9, step).filter(within);
  const small = found.every((p) => p >= -3 && p <= 4);
  const text = (/** @type {number} */ p) =>
    small || p === 0 || p === 1 ? short(10 ** p) : `10${superscript(p)}`;
  return found.map((at) => ({ at, text: text(at) }));
}

/**
 * @param {number} low
 * @param {number} high
 * @param {number} most
 * @param {boolean} whole whole numbers only, and the ends among them
 */
function plain(low, high, most, whole) {
  const rough = (high - low) / Math.max(2, most);
  const ten = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(whole ? 1 : 0, ([1, 2, 5].find((m) => m * ten >= rough) ?? 10) * ten);
  let found = range(Math.ceil(low / step - 1e-9) * step, high + step * 1e-9, step);
  if (whole) {
    const clear = (/** @type {number} */ v) => Math.min(v - low, high - v) > 0.6 * step;
    found = [Math.ceil(low), ...found.filter(clear), Math.floor(high)];
  }
  return [...new Set(found)].map((at) => ({ at, text: short(at) }));
}

/**
 * @param {number} from
 * @param {number} to
 * @param {number} step
 */
const range = (from, to, step) =>
  Array.from(
    { length: Math.max(0, Math.floor((to - from) / step) + 1) },
    (_, k) => from + k * step,
  );

const decimal = new Intl.NumberFormat("en", { maximumFractionDigits: 6 });

/** @param {number} value */
export function short(value) {
  const size = Math.abs(value);
  if (size > 0 && (size < 1e-4 || size >= 1e6)) return figures(value, 1);
  return decimal.format(Number(value.toPrecision(6))).replace("-", "−");
}

/**
 * Break a text into lines of about `room` characters, at its spaces.
 *
 * @param {string} text
 * @param {number} room
 */
export function wrap(text, room) {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines[lines.length - 1];
    if (line && line.length + 1 + word.length > room) lines.push(word);
    else lines[lines.length - 1] = line ? `${line} ${word}` : word;
  }
  return lines.join("\n");
}
