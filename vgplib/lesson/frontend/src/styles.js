// @ts-check
import { number } from "./numbers.js";
/** @import { Frame, Past, Series } from "./types.js" */

/**
 * A series with its numbers read and its look decided.
 *
 * @typedef {{name: string, kind: "line" | "bar", role: "main" | "second" | "theory" | "ghost",
 *   x: number[], y: number[], low: number[], high: number[], color: string, dash?: string,
 *   thick: number, symbol?: "circle" | "square" | "triangle" | "diamond"}} Styled
 */

// Lines differ in dash and mark as well as in colour. Beside theory, which is dashed, the second
// one is not: then its marks alone tell it apart.
const DASHES = [undefined, "9 4", "2 3", "9 3 2 3"];
const BESIDE_THEORY = [undefined, undefined, "2 3", "9 3 2 3"];
const SYMBOLS = /** @type {const} */ (["circle", "square", "triangle", "diamond"]);
const EXTRA = ["var(--vgp-good)", "var(--vgp-ink)"];

/**
 * How several options are told apart, each by its seat.
 *
 * @type {Pick<Styled, "color" | "dash" | "symbol" | "thick">[]}
 */
export const looks = ["var(--vgp-accent)", "var(--vgp-second)", ...EXTRA].map((color, n) => ({
  color,
  dash: DASHES[n],
  symbol: SYMBOLS[n],
  thick: 2.5,
}));

/**
 * Everything that is drawn, in drawing order: what was before, the runs, theory.
 *
 * @param {Frame} frame
 * @param {Past | null} before
 * @returns {Styled[]}
 */
export function styled(frame, before) {
  const past = before ? before.frame.series.filter((one) => one.role !== "theory") : [];
  const formula = frame.series.filter((one) => one.role === "theory");
  return [
    ...past.map((one, k) => ({
      ...read(one),
      name: k === past.length - 1 ? (before?.words ?? "") : "",
      low: [],
      high: [],
      role: /** @type {const} */ ("ghost"),
      color: "var(--vgp-ghost)",
      thick: 5,
    })),
    ...runs(frame).reverse(),
    ...formula.map((one) => ({
      ...read(one),
      low: [],
      high: [],
      color: "var(--vgp-theory)",
      dash: "5 4",
      thick: 1.5,
    })),
  ];
}

/**
 * The measured series, in the order that Python gave them.
 *
 * @param {Frame} frame
 * @returns {Styled[]}
 */
export function runs(frame) {
  const used = new Set();
  const beside = frame.series.some((one) => one.kind === "line" && one.role === "theory");
  const dashes = beside ? BESIDE_THEORY : DASHES;
  let extra = 0;
  return frame.series
    .filter((one) => one.role !== "theory")
    .map((one, n) => {
      if (one.seat !== undefined) return { ...read(one), ...looks[one.seat] };
      const own = one.role === "main" ? "var(--vgp-accent)" : "var(--vgp-second)";
      const color = used.has(own) ? EXTRA[extra++ % EXTRA.length] : own;
      used.add(own);
      return { ...read(one), color, dash: dashes[n % 4], symbol: SYMBOLS[n % 4], thick: 2.5 };
    });
}

/** @param {Series} series */
function read(series) {
  return {
    name: series.name,
    kind: series.kind,
    role: series.role,
    x: series.x.map(number),
    y: series.y.map(number),
    low: (series.low ?? []).map(number),
    high: (series.high ?? []).map(number),
  };
}
