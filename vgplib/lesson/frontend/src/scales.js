// @ts-check
import { figures, number, superscript } from "./numbers.js";
/** @import { Axis } from "./types.js" */

/**
 * An axis, ready to draw on: `place` puts a value on a pixel, inside of `ends` or beyond.
 *
 * @typedef {{place(value: number): number, side(value: number): -1 | 0 | 1,
 *   ends: [number, number], ticks: {at: number, text: string}[], slanted?: boolean,
 *   floor?: number}} Scale  side: below the axis, on it or above; slanted: the names of the ticks
 *   are too long to stand side by side; floor: where exact zeros of a log axis stand
 */

const FLOOR = 26; // pixels between the foot of a log axis and the line for exact zeros
const BEYOND = 200; // pixels beyond the end of the axis where 0 and what is not finite stands

/**
 * The horizontal axis.
 *
 * @param {Axis} axis
 * @param {number} left pixels
 * @param {number} right pixels
 * @returns {Scale}
 */
export function xScale(axis, left, right) {
  const width = right - left;
  if (axis.names) {
    const step = width / axis.names.length;
    const room = Math.floor(step / 7); // in characters
    const slanted = axis.names.flatMap((name) => name.split(" ")).some((w) => w.length > room);
    const place = (/** @type {number} */ v) => left + (v + 0.5) * step;
    return {
      place,
      side: () => 0,
      ends: [left, right],
      ticks: axis.names.map((name, v) => ({
        at: place(v),
        text: slanted ? name : wrap(name, room),
      })),
      slanted,
    };
  }
  const [low, high] = ends(axis);
  const share = (/** @type {number} */ v) =>
    Math.min(1, Math.max(0, ((axis.log ? Math.log10(v) : v) - low) / (high - low)));
  const place = (/** @type {number} */ v) => left + (axis.reverse ? 1 - share(v) : share(v)) * width;
  const ticks = marks(axis, low, high, width / 56).map(({ v, text }) => ({ at: place(v), text }));
  return { place, side: () => 0, ends: [left, right], ticks };
}

/**
 * The vertical axis.
 *
 * @param {Axis} axis
 * @param {number} top pixels
 * @param {number} bottom pixels
 * @returns {Scale}
 */
export function yScale(axis, top, bottom) {
  const floor = axis.log && axis.floor !== undefined ? bottom : undefined;
  const foot = floor === undefined ? bottom : bottom - FLOOR;
  const [low, high] = ends(axis);
  const slack = (high - low) * 1e-6; // the ends themselves are inside, whatever their last digit
  const at = (/** @type {number} */ v) => (axis.log ? (v > 0 ? Math.log10(v) : -Infinity) : v);
  const height = (/** @type {number} */ u) => foot - ((u - low) / (high - low)) * (foot - top);
  /** @type {Scale["side"]} */
  const side = (v) => {
    if (!Number.isFinite(v)) return v === -Infinity ? -1 : 1;
    if (v === 0 && floor !== undefined) return 0;
    return at(v) < low - slack ? -1 : at(v) > high + slack ? 1 : 0;
  };
  const place = (/** @type {number} */ v) => {
    if (v === 0 && floor !== undefined) return floor;
    const u = Number.isFinite(v) ? at(v) : v === -Infinity ? v : Infinity;
    return u === Infinity ? top - BEYOND : u === -Infinity ? foot + BEYOND : height(u);
  };
  const ticks = marks(axis, low, high, (foot - top) / 26).map(({ v, text }) => ({
    at: height(axis.log ? Math.log10(v) : v),
    text,
  }));
  return { place, side, ends: [top, foot], ticks, floor };
}

/** @param {Axis} axis @returns {[number, number]} */
function ends(axis) {
  const [low, high] = axis.domain.map((v) => (axis.log ? Math.log10(number(v)) : number(v)));
  return [low, high];
}

/**
 * @param {Axis} axis
 * @param {number} low
 * @param {number} high
 * @param {number} most about how many fit
 */
const marks = (axis, low, high, most) =>
  axis.log ? powers(low, high, most) : plain(low, high, most, axis.whole ?? false);

/**
 * @param {number} low
 * @param {number} high
 * @param {number} most
 */
function powers(low, high, most) {
  const step = [1, 2, 5, 10, 20, 50, 100].find((s) => (high - low) / s <= most) ?? 200;
  const found = range(Math.ceil(low / step - 1e-9) * step, high + 1e-9, step);
  const small = found.every((p) => p >= -3 && p <= 4);
  const text = (/** @type {number} */ p) =>
    small || p === 0 || p === 1 ? short(10 ** p) : `10${superscript(p)}`;
  return found.map((p) => ({ v: 10 ** p, text: text(p) }));
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
  return [...new Set(found)].map((v) => ({ v, text: short(v) }));
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
