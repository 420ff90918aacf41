// @ts-check
import { h } from "./dom.js";
import { runs } from "./styles.js";
import { s } from "./svg.js";
/** @import { Styled } from "./styles.js" */
/** @import { Frame } from "./types.js" */

/**
 * A key to the chart: only where there is more than one run to tell apart.
 *
 * @param {HTMLElement} list
 * @param {Frame} frame
 * @param {string | null} before what the dashes across bars are, where the setting before is shown
 */
export function showLegend(list, frame, before) {
  const measured = runs(frame);
  const levels = frame.series.filter((one) => one.role === "theory" && one.kind === "bar");
  const told = frame.rows?.some((row) => row.strip); // each strip has its name and its mark
  const items = !told && (measured.length > 1 || levels.length) ? measured.map(item) : [];
  for (const one of levels) items.push(entry(sample("var(--vgp-theory)", "5 4"), one.name));
  if (before && measured.some((one) => one.kind === "bar"))
    items.push(entry(sample("var(--vgp-ghost)"), before));
  list.replaceChildren(...items);
}

/** @param {Styled} series */
const item = (series) => entry(mark(series), series.name);

/**
 * How a series looks in the chart.
 *
 * @param {Pick<Styled, "color" | "dash" | "symbol"> & {kind?: "line" | "bar"}} series
 */
export function mark({ kind, color, dash, symbol }) {
  if (kind !== "bar") return sample(color, dash, symbol);
  const swatch = h("span", { class: "vgp-swatch" });
  swatch.style.setProperty("--vgp-swatch", color);
  swatch.classList.toggle("vgp-swatch-pale", dash !== undefined);
  return swatch;
}

/**
 * @param {Element} mark
 * @param {string} name
 */
const entry = (mark, name) => h("li", {}, mark, name);

const SHAPES = {
  circle: "M16 6m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0",
  square: "M12.5 2.5h7v7h-7z",
  triangle: "M16 1.5l4.5 8h-9z",
  diamond: "M16 1l4 5l-4 5l-4 -5z",
};

/**
 * @param {string} color
 * @param {string} [dash]
 * @param {keyof typeof SHAPES} [symbol]
 */
function sample(color, dash, symbol) {
  const line = { d: "M0 6H32", stroke: color, "stroke-width": 2.5, "stroke-dasharray": dash };
  const svg = s("svg", { width: 32, height: 12, "aria-hidden": true }, s("path", line));
  if (symbol) svg.append(s("path", { d: SHAPES[symbol], fill: color }));
  return svg;
}
