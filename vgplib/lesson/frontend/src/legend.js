// @ts-check
import { h } from "./dom.js";
import { runs } from "./styles.js";
import { s } from "./svg.js";
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
  const items = measured.length > 1 || levels.length ? measured.map(item) : [];
  for (const one of levels) items.push(entry(sample("var(--vgp-theory)", "5 4"), one.name));
  if (before && measured.some((one) => one.kind === "bar"))
    items.push(entry(sample("var(--vgp-ghost)"), before));
  list.replaceChildren(...items);
}

/** @param {import("./styles.js").Styled} series */
function item(series) {
  if (series.kind === "bar") {
    const mark = h("span", { class: "vgp-swatch" });
    mark.style.setProperty("--vgp-swatch", series.color);
    mark.classList.toggle("vgp-swatch-pale", series.dash !== undefined);
    return entry(mark, series.name);
  }
  return entry(sample(series.color, series.dash, series.symbol), series.name);
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
