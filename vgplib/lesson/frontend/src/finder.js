// @ts-check
import { h } from "./dom.js";
import { link } from "./text.js";

/** @typedef {{kind: string, text: string, href: string}} Place  see places.py */

/** What each kind is called, in the order in which they are shown. */
const NAMES = new Map([
  ["term", "Term"],
  ["experiment", "Experiment"],
  ["claim", "What people say"],
  ["question", "Question"],
  ["source", "Paper"],
]);
const KINDS = [...NAMES.keys()];
const FIRST = 6; // shown at once; the rest unfolds

/** What people type, and what it's called here. */
const SAME = new Map(
  Object.entries({ neuron: "unit", node: "unit", dying: "dead", resnet: "residual", bptt: "time" }),
);
const EMPTY = new Set(
  "a an and are can do does for how i in is it of on or the to versus vs what when which why with".split(" "),
);

/** On the page of a search: terms, experiments, claims, questions and papers that fit, above pages. */
export function findPlaces() {
  const script = document.querySelector("script.vgp-places");
  const results = document.getElementById("search-results");
  const asked = new URLSearchParams(location.search).get("q");
  if (!script || !results || !asked) return;
  const found = fitting(JSON.parse(script.textContent ?? ""), asked);
  if (!found.length) return;
  const line = (/** @type {Place} */ { kind, text, href }) =>
    h("li", {}, link(href, short(text)), " ", h("small", {}, NAMES.get(kind)));
  const rest = found.slice(FIRST);
  results.before(
    h(
      "section",
      { class: "vgp-found-places", "aria-labelledby": "vgp-places" },
      h("h2", { id: "vgp-places" }, "Straight to it"),
      h("ul", {}, found.slice(0, FIRST).map(line)),
      rest.length
        ? h("details", {}, h("summary", {}, `${rest.length} more`), h("ul", {}, rest.map(line)))
        : null,
    ),
  );
}

/**
 * The places that have most of the words of a search, those first that have little else.
 *
 * @param {Place[]} places
 * @param {string} asked
 */
function fitting(places, asked) {
  const wanted = words(asked).filter((word) => !EMPTY.has(word)).map(stem);
  const found = places.map((place) => {
    const own = words(`${place.text} ${NAMES.get(place.kind)}`);
    const joined = own.join(""); // "batchnorm" finds "batch norm"
    const has = (/** @type {string} */ word) =>
      own.some((one) => (word.length < 3 ? one === word : one.startsWith(word))) ||
      (word.length > 5 && joined.includes(word));
    return { place, count: wanted.filter(has).length, size: own.length };
  });
  const most = Math.max(1, ...found.map(({ count }) => count));
  return found
    .filter(({ count }) => count === most)
    .sort((a, b) => KINDS.indexOf(a.place.kind) - KINDS.indexOf(b.place.kind) || a.size - b.size)
    .map(({ place }) => place);
}

/** @param {string} text */
const short = (text) => text.replace(/^(.{100}\S*)\s.+$/s, "$1 …");

/** @param {string} text */
const words = (text) =>
  british(text.toLowerCase().replaceAll("’", "'"))
    .split(/[^\p{L}\p{N}.']+/u)
    .map((word) => word.replace(/^['.]+|['.]+$|'s$/g, ""))
    .filter(Boolean);

/**
 * As far as "clipping" and "clips" have the same beginning.
 *
 * @param {string} word
 */
function stem(word) {
  const cut = word.replace(/(?<=\p{L}{4})(?:ations?|ions?|ing|ed|es|e|s)$/u, "");
  const one = cut.replace(/(?<=\p{L}{3})(p|m|t)\1$/u, "$1");
  return SAME.get(word) ?? SAME.get(one) ?? one;
}

/**
 * The book's spelling: "normalise" for "normalize". Short words, like "size", are no such words.
 *
 * @param {string} text
 */
export const british = (text) => text.replace(/(\p{L}{4})iz(e|ing|ed|es|er|ers|ation|ations)(?!\p{L})/giu, "$1is$2");
