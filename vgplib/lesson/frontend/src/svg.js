// @ts-check

/**
 * Make an SVG element. Text is always text: nothing here reads markup.
 *
 * @param {string} tag
 * @param {Record<string, string | number | boolean | undefined>} [attributes] undefined leaves
 *   the attribute out
 * @param {...(Node | string)} children
 * @returns {SVGElement}
 */
export function s(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes))
    if (value !== undefined) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/**
 * A length with at most one decimal: finer than a pixel on any screen.
 *
 * @param {number} value
 */
export const px = (value) => Math.round(value * 10) / 10;
