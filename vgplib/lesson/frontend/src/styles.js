// @ts-check
import { number } from "./numbers.js";
/** @import { Frame, Series } from "./types.js" */

/**
 * A series with its numbers read and its look decided.
 *
 * @typedef {{name: string, kind: "line" | "bar", role: "main" | "second" | "theory" | "ghost",
 *   x: number[], y: number[], low: number[], high: number[], color: string, dash?: string,
 *   thick: number, symbol?: "circle" | "square" | "triangle" | "diamond"}} Styled
 */

// Lines differ in dash and mark as well as in colour.
const DASHES = [undefined, "9 4", "2 3", "9 3 2 3"];
const SYMBOLS = /** @type {const} */ (["circle", "square", "triangle", "diamond"]);
const EXTRA = ["var(--vgp-good)", "var(--vgp-ink)"];

/**
 * Everything that is drawn, in drawing order: what is kept to compare with, theory, the runs.
 *
 * @param {Frame} frame
 * @param {boolean} theory
 * @param {Frame | null} ghost
 * @returns {Styled[]}
 */
export function styled(frame, theory, ghost) {
  const kept = (ghost?.series ?? []).filter((s) => s.role !== "theory");
  const formula = theory ? frame.series.filter((s) => s.role === "theory") : [];
  return [
    ...kept.map((s) => ({
      ...read(s),
      low: [],
      high: [],
      role: /** @type {const} */ ("ghost"),
      color: "var(--vgp-ghost)",
      thick: 2,
    })),
    ...formula.map((s) => ({
      ...read(s),
      low: [],
      high: [],
      color: "var(--vgp-theory)",
      dash: "5 4",
      thick: 1.5,
    })),
    ...runs(frame).reverse(),
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
  let extra = 0;
  return frame.series
    .filter((s) => s.role !== "theory")
    .map((s, n) => {
      const own = s.role === "main" ? "var(--vgp-accent)" : "var(--vgp-second)";
      const color = used.has(own) ? EXTRA[extra++ % EXTRA.length] : own;
      used.add(own);
      return { ...read(s), color, dash: DASHES[n % 4], symbol: SYMBOLS[n % 4], thick: 2.5 };
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
