// @ts-check
import { h } from "../dom.js";

const LEAD = 70; // characters: as many sentences are shown as make this many
const WORTH = 40; // characters that are worth folding away

/**
 * Show the first sentences of a paragraph, and keep the others for whoever asks: a room listens, and
 * reads little. What is asked is shown, and so is all before it.
 *
 * @param {Element} paragraph
 */
export function shorten(paragraph) {
  const text = paragraph.textContent ?? "";
  let end = 0;
  for (const { index, segment } of new Intl.Segmenter("en", { granularity: "sentence" }).segment(text)) {
    end = index + segment.length;
    if (end >= LEAD && !text.slice(end).includes("?")) break;
  }
  if (text.length - end < WORTH) return;
  const walker = document.createTreeWalker(paragraph, NodeFilter.SHOW_TEXT);
  let before = 0;
  while (walker.nextNode()) {
    const node = /** @type {Text} */ (walker.currentNode);
    if (before + node.length > end) {
      const rest = document.createRange();
      rest.setStart(node, end - before);
      rest.setEndAfter(/** @type {Node} */ (paragraph.lastChild));
      paragraph.append(h("span", { class: "vgp-rest" }, rest.extractContents()));
      return;
    }
    before += node.length;
  }
}
