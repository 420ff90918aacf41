// @ts-check
/** @typedef {[number, number][]} Path  points in pixels, from left to right */
/** @typedef {{left: number, top: number, right: number, bottom: number}} Box */

/**
 * Where a line's name can stand, close to it and clear of every line.
 *
 * @param {Path} own
 * @param {Path[]} all every line, its own among them
 * @param {Box[]} taken where text stands already
 * @param {Box} frame the name stays inside
 * @param {number} width of the name
 * @returns {Box} the nearest place; where none is clear, one clear of text that meets few lines
 */
export function placeLabel(own, all, taken, frame, width) {
  const half = { x: width / 2, y: 8 };
  const inside = (/** @type {number} */ v, /** @type {number} */ low, /** @type {number} */ high) =>
    Math.max(low, Math.min(high, v));
  let best = { box: frame, cost: Infinity };
  for (const share of [0.3, 0.4, 0.2, 0.5, 0.65, 0.1, 0.8, 0.95]) {
    const at = own[0][0] + share * (own[own.length - 1][0] - own[0][0]);
    const line = heightAt(own, at);
    const x = inside(at, frame.left + half.x, frame.right - half.x);
    for (const distance of [16, 24, 34, 46, 60, 80, 110])
      for (const side of [-1, 1]) {
        const y = inside(line + side * distance, frame.top + half.y, frame.bottom - half.y);
        const far = Math.abs(y - line) + Math.abs(x - at) + 10 * Math.abs(share - 0.3);
        if (far >= best.cost) continue;
        const box = { left: x - half.x, right: x + half.x, top: y - half.y, bottom: y + half.y };
        const texts = taken.filter((other) => overlap(other, box)).length;
        const lines = all.filter((path) => meets(path, box)).length;
        const cost = far + 1000 * lines + 10_000 * texts;
        if (cost < best.cost) best = { box, cost };
      }
  }
  return best.box;
}

/**
 * @param {Box} a
 * @param {Box} b
 */
const overlap = (a, b) =>
  a.left < b.right && a.right > b.left && a.top < b.bottom && a.bottom > b.top;

/**
 * @param {Path} path
 * @param {Box} box
 */
function meets(path, box) {
  const margin = 3;
  for (let k = 1; k < path.length; k++) {
    const [a, b] = [path[k - 1], path[k]];
    if (b[0] < box.left || a[0] > box.right) continue;
    const from = between(a, b, Math.max(a[0], box.left));
    const to = between(a, b, Math.min(b[0], box.right));
    if (Math.min(from, to) < box.bottom + margin && Math.max(from, to) > box.top - margin)
      return true;
  }
  return false;
}

/**
 * How high a path is at a place.
 *
 * @param {Path} path
 * @param {number} x
 */
export function heightAt(path, x) {
  const k = path.findIndex((point) => point[0] >= x);
  return k > 0 ? between(path[k - 1], path[k], x) : path[Math.max(0, k)][1];
}

/**
 * @param {[number, number]} a
 * @param {[number, number]} b
 * @param {number} x
 */
const between = (a, b, x) =>
  b[0] === a[0] ? b[1] : a[1] + ((b[1] - a[1]) * (x - a[0])) / (b[0] - a[0]);
