// @ts-check
import { h } from "./dom.js";

const LONG = 10; // rows: shorter tables are seen at a glance

/** Let long tables of numbers be sorted by any of their columns. */
export function sortTables() {
  for (const found of document.querySelectorAll("article table.dataframe")) {
    const table = /** @type {HTMLTableElement} */ (found);
    if (table.tBodies[0].rows.length >= LONG) sortable(table);
  }
}

/** @param {HTMLTableElement} table */
function sortable(table) {
  const heads = [...(table.tHead?.rows[0].cells ?? [])];
  heads.forEach((head, column) => {
    if (!head.textContent) return; // rows without a common name
    const button = h("button", { type: "button", class: "vgp-sort" }, ...head.childNodes);
    head.setAttribute("scope", "col");
    head.append(button);
    button.addEventListener("click", () => {
      // Numbers are first wanted largest first, words from A to Z.
      const numbers = cells(table, column).some((value) => typeof value === "number");
      const now = head.getAttribute("aria-sort");
      const descending = now ? now === "ascending" : numbers;
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      sort(table, column, descending);
    });
  });
}

/**
 * @param {HTMLTableElement} table
 * @param {number} column
 * @param {boolean} descending
 */
function sort(table, column, descending) {
  const body = table.tBodies[0];
  const values = cells(table, column);
  const order = [...body.rows].map((row, place) => ({ row, value: values[place] }));
  // What has no number stands last, whichever way.
  order.sort((a, b) => {
    const words = Number(typeof a.value === "string") - Number(typeof b.value === "string");
    const up = words || compare(a.value, b.value);
    return descending && !words ? -up : up;
  });
  body.append(...order.map(({ row }) => row));
}

/**
 * @param {string | number} a
 * @param {string | number} b
 */
function compare(a, b) {
  return typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
}

/**
 * What the cells of a column say: "97 %" and "× 1.2" are numbers.
 *
 * @param {HTMLTableElement} table
 * @param {number} column
 */
function cells(table, column) {
  return [...table.tBodies[0].rows].map((row) => {
    const text = (row.cells[column].textContent ?? "").trim();
    const number = /^[×<>]?\s*(-?[\d.]+)\s*%?$/.exec(text);
    return number ? Number(number[1]) : text;
  });
}
