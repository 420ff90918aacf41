// @ts-check
import { h } from "./dom.js";
import { figures, number } from "./numbers.js";
/** @import { Frame, Num, Series } from "./types.js" */

/**
 * A frame's numbers as a table: x, then each series with its range.
 *
 * @param {Frame} frame
 * @param {string} caption
 */
export function makeTable(frame, caption) {
  const digits = frame.y.log ? 2 : 3; // as many as were sent
  const columns = frame.series.flatMap(columnsOf);
  const xs = [...new Set(frame.series.flatMap((s) => s.x.map(number)))].sort((a, b) => a - b);
  const rows = xs.map((x) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, frame.x.names?.[x] ?? String(x).replace("-", "−")),
      columns.map(({ at }) => h("td", {}, at.has(x) ? figures(at.get(x) ?? NaN, digits) : "")),
    ),
  );
  return h(
    "table",
    { class: "vgp-table" },
    h("caption", {}, caption),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        h("th", { scope: "col" }, frame.x.label),
        columns.map(({ name }) => h("th", { scope: "col" }, name)),
      ),
    ),
    h("tbody", {}, rows),
  );
}

/**
 * @param {Series} series
 * @returns {{name: string, at: Map<number, number>}[]}
 */
function columnsOf(series) {
  const column = (/** @type {string} */ name, /** @type {Num[]} */ values) => ({
    name,
    at: new Map(series.x.map((x, k) => [number(x), number(values[k])])),
  });
  const out = [column(series.name, series.y)];
  if (series.low) out.push(column(`${series.name}, lowest`, series.low));
  if (series.high) out.push(column(`${series.name}, highest`, series.high));
  return out;
}
