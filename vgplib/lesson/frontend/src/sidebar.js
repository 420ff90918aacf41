// @ts-check
import { h } from "./dom.js";
import { note, onProgress, tally } from "./progress.js";

const PAUSE = 500; // milliseconds without scrolling: somebody reads

/**
 * The name of a page, which is that of its chapter: "02-causes".
 *
 * @param {string} address
 */
const pageName = (address) => /([^/]*?)(\.html)?$/.exec(new URL(address).pathname)?.[1] ?? "";

/** Note which sections of this page the reader has come to the end of. */
export function followReading() {
  const headings = [...document.querySelectorAll("article h2")];
  const sections = headings.map((heading) => heading.closest("section")).filter((s) => s !== null);
  if (!sections.length || !document.querySelector("[data-vgp]")) return;
  const page = pageName(location.href);
  const ids = sections.map((section) => section.id);
  const look = () => {
    const reached = sections.filter((section) => {
      const { bottom } = section.getBoundingClientRect();
      return bottom > 0 && bottom <= innerHeight;
    });
    const known = tally(page).read.filter((id) => ids.includes(id));
    const read = new Set([...known, ...reached.map((section) => section.id)]);
    note(page, { sections: ids.length, read: [...read] });
  };
  let timer = setTimeout(look, PAUSE);
  document.addEventListener(
    "scroll",
    () => {
      clearTimeout(timer);
      timer = setTimeout(look, PAUSE);
    },
    { passive: true, capture: true },
  );
}

/** Say beside each chapter in the list how far the reader is. */
export function showProgress() {
  const links = [...document.querySelectorAll("nav.bd-links li > a")];
  const marks = links.map((link) => {
    const mark = h("span", { class: "vgp-progress" });
    link.append(mark);
    return { mark, chapter: pageName(/** @type {HTMLAnchorElement} */ (link).href) };
  });
  const show = () => {
    for (const { mark, chapter } of marks) mark.replaceChildren(...words(chapter));
  };
  show();
  onProgress(show);
}

/**
 * @param {string} chapter
 * @returns {(string | Node)[]}
 */
function words(chapter) {
  const { sections, read, questions, right } = tally(chapter);
  if (!read.length && !right) return [];
  const all = read.length >= sections && right >= questions;
  if (all) return [h("span", { "aria-hidden": "true" }, "✓ "), "done"];
  const parts = [h("span", {}, `${read.length} of ${sections} sections`)];
  if (questions) parts.push(h("span", {}, `${right} of ${questions} questions`));
  return parts.flatMap((part, k) => (k ? [", ", part] : [part]));
}
