// @ts-check
import { h } from "./dom.js";
/** @import { MathTree, Segment } from "./types.js" */

const MATH = new Set(
  (
    "math mrow mi mn mo ms mtext mspace msup msub msubsup mover munder munderover mfrac msqrt " +
    "mroot mtable mtr mtd mstyle mpadded mphantom menclose"
  ).split(" "),
);
const MATH_ATTRIBUTES = new Set(
  (
    "display displaystyle scriptlevel mathvariant stretchy symmetric largeop movablelimits fence " +
    "separator form lspace rspace minsize maxsize accent accentunder width height depth voffset " +
    "linethickness notation columnalign rowalign columnspacing rowspacing"
  ).split(" "),
);

/**
 * The nodes of a sentence that may hold code, emphasis, links and mathematics.
 *
 * @param {Segment[]} segments
 * @returns {Node[]}
 */
export function prose(segments) {
  return segments.map((segment) => {
    if (segment.math) return math(segment.math);
    if (segment.href != null) return link(segment.href, segment.text ?? segment.href);
    if (segment.code != null) return h("code", {}, segment.code);
    if (segment.em != null) return h("em", {}, segment.em);
    if (segment.strong != null) return h("strong", {}, segment.strong);
    return document.createTextNode(segment.text ?? "");
  });
}

/**
 * A link, or plain text where the address is not one of a page.
 *
 * @param {string} href
 * @param {string} text
 */
export function link(href, text) {
  const pages = ["http:", "https:", "file:"];
  if (!URL.canParse(href, document.baseURI)) return h("span", {}, text);
  const isPage = pages.includes(new URL(href, document.baseURI).protocol);
  return isPage ? h("a", { href }, text) : h("span", {}, text);
}

/**
 * A sentence as plain text, for a name that is read aloud: "10^-13".
 *
 * @param {Segment[]} segments
 */
export const plain = (segments) =>
  segments
    .map((s) => (s.math ? flat(s.math) : (s.text ?? s.code ?? s.em ?? s.strong ?? "")))
    .join("");

/** @type {Record<string, string>} */
const BETWEEN = { msup: "^", mfrac: "/" };
const LOWERED = "₀₁₂₃₄₅₆₇₈₉";

/**
 * @param {MathTree | string} tree
 * @returns {string}
 */
function flat(tree) {
  if (typeof tree === "string") return tree;
  const [tag, , ...children] = tree;
  if (tag === "msub")
    return flat(children[0]) + flat(children[1]).replace(/\d/g, (d) => LOWERED[Number(d)]);
  return children.map(flat).join(BETWEEN[tag] ?? "");
}

/**
 * MathML from nested lists; tags and attributes that are not mathematics are dropped.
 *
 * @param {MathTree | string} tree
 * @returns {Node}
 */
function math(tree) {
  if (typeof tree === "string") return document.createTextNode(tree);
  const [tag, attributes, ...children] = tree;
  const known = MATH.has(tag) ? tag : "mrow";
  const element = document.createElementNS("http://www.w3.org/1998/Math/MathML", known);
  for (const [name, value] of Object.entries(attributes))
    if (MATH_ATTRIBUTES.has(name)) element.setAttribute(name, value);
  element.append(...children.map(math));
  return element;
}
