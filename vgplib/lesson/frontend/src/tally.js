// @ts-check
import { h } from "./dom.js";

/**
 * @typedef {{label: (Node | string)[], truth?: string, counter?: Node, unsaid?: boolean}} Row
 *   truth: what is said of the right answer; counter: where its votes are typed, instead of their
 *   number; unsaid: there is nothing to count
 * @typedef {{counts: number[], before: number[] | null, drawn: boolean}} Votes  in the order of
 *   the rows; before: the votes before the neighbours talked
 */

/**
 * Votes as a table with bars: what was said, by how many, and which of it is right.
 *
 * @param {string} caption
 * @param {string} heading above the counts: "Hands"
 * @param {Row[]} rows
 */
export function makeTally(caption, heading, rows) {
  const early = h("th", { scope: "col" }, "First vote");
  const parts = rows.map(({ label, truth, counter, unsaid }) => {
    const [pale, solid] = [h("div", { class: "vgp-pale" }), h("div", { class: "vgp-solid" })];
    const bars = h("div", { class: "vgp-tally-bars", "aria-hidden": "true" }, pale, solid);
    const first = h("span");
    const firstShare = h("span", { class: "vgp-share" });
    const cell = h("td", {}, first, firstShare);
    const now = counter ? null : h("span");
    const share = h("span", { class: "vgp-share" });
    const mark = truth ? h("strong", { class: "vgp-truth" }, truth) : null;
    const said = h("th", { scope: "row" }, ...label, mark ? " " : null, mark, bars);
    const row = h("tr", { class: truth ? "vgp-right" : null }, said, cell, h("td", {}, counter ?? now, share));
    return { row, bars, pale, solid, cell, first, firstShare, now, share, unsaid };
  });
  const head = h("tr", {}, h("th", { scope: "col" }, "Answer"), early, h("th", { scope: "col" }, heading));
  const element = h(
    "table",
    { class: "vgp-tally" },
    h("caption", {}, caption),
    h("thead", {}, head),
    h("tbody", {}, parts.map(({ row }) => row)),
  );
  return {
    element,
    /** @param {Votes} votes */
    show({ counts, before, drawn }) {
      const [all, allBefore] = [total(counts), total(before ?? [])];
      early.hidden = !before;
      parts.forEach(({ bars, pale, solid, cell, first, firstShare, now, share, unsaid }, k) => {
        const shown = drawn && !unsaid;
        const old = before?.[k] ?? 0;
        cell.hidden = !before;
        first.textContent = shown ? String(old) : "";
        firstShare.textContent = shown ? ` ${percent(old, allBefore)}` : "";
        if (now) now.textContent = shown ? String(counts[k]) : "";
        share.textContent = shown ? ` ${percent(counts[k], all)}` : "";
        bars.hidden = !shown;
        pale.hidden = !before;
        fill(pale, old, allBefore);
        fill(solid, counts[k], all);
      });
    },
  };
}

/**
 * @param {HTMLElement} bar
 * @param {number} count
 * @param {number} all
 */
const fill = (bar, count, all) => (bar.style.width = `${all ? (100 * count) / all : 0}%`);

/** @param {number[]} counts */
export const total = (counts) => counts.reduce((sum, count) => sum + count, 0);

/**
 * @param {number} count
 * @param {number} all
 */
const percent = (count, all) => (all ? `${Math.round((100 * count) / all)}\u00a0%` : "");
