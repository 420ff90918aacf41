// @ts-check
/** @typedef {[number, number][]} Path  points in pixels, from left to right */
/** @typedef {{left: number, top: number, right: number, bottom: number}} Box */

/**
 * Where a line's name can stand, close to it and clear of every line.
 *
 * @param {Path} own
 * @param {Path[]} all every line, its own among them
 * @param {Box[]} taken where names stand already
 * @param {Box} frame
 * @param {number} width of the name
 * @returns {Box} the nearest place; where none is clear, the one that meets the fewest lines
 */
export function placeLabel(own, all, taken, frame, width) {
  const height = 16;
  /** @type {{box: Box, cost: number}[]} */
  const places = [];
  for (const share of [0.25, 0.35, 0.5, 0.65, 0.15, 0.8, 0.05]) {
    const x = own[0][0] + share * (own[own.length - 1][0] - own[0][0]);
    const y = heightAt(own, x);
    for (const distance of [16, 24, 34, 46, 60])
      for (const side of [-1, 1]) {
        const middle = y + side * distance;
        const box = {
          left: x - width / 2,
          right: x + width / 2,
          top: middle - height / 2,
          bottom: middle + height / 2,
        };
        const outside =
          box.left < frame.left ||
          box.right > frame.right ||
          box.top < frame.top ||
          box.bottom > frame.bottom;
        const met =
          all.filter((path) => meets(path, box)).length +
          taken.filter(
            (b) =>
              b.left < box.right && b.right > box.left && b.top < box.bottom && b.bottom > box.top,
          ).length;
        places.push({
          box,
          cost: 1000 * met + (outside ? 5000 : 0) + distance + 10 * Math.abs(share - 0.3),
        });
      }
  }
  return places.reduce((best, place) => (place.cost < best.cost ? place : best)).box;
}

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
 * @param {Path} path
 * @param {number} x
 */
function heightAt(path, x) {
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
