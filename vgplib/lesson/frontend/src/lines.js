// @ts-check
import { placeLabel } from "./labels.js";
import { figures } from "./numbers.js";
import { px, s } from "./svg.js";
/** @import { Space } from "./chart.js" */
/** @import { Box, Path } from "./labels.js" */
/** @import { Styled } from "./styles.js" */

const LETTER = 7.2; // pixels, about as wide as one is

/** @typedef {{x: number, y: number, side: -1 | 0 | 1, value: number}} Spot */

/**
 * Lines with their bands, marks and names. Where a line leaves the chart, an arrow says how far
 * it goes; where what follows is not finite, it stops at a cross.
 *
 * @param {Space} space
 * @param {Styled[]} series
 * @returns {SVGElement[]}
 */
export function lines(space, series) {
  const drawn = series.map((one) => ({ one, ...cut(space, one) }));
  /** @type {Box[]} */
  const taken = [];
  return [
    ...drawn
      .filter(({ one }) => one.low.length && one.y.some(Number.isFinite))
      .map(({ one }) => band(space, one)),
    ...drawn.flatMap(({ one, pieces }) => strokes(one, pieces)),
    ...drawn.map(({ one, spots }) => marks(space, one, spots)),
    ...arrows(space, drawn, taken),
    ...crosses(space, drawn, taken),
    ...names(space, drawn, taken),
  ].filter((element) => element !== null);
}

/**
 * The pieces of a line that can be seen, where it leaves the chart, and where it stops.
 *
 * @param {Space} space
 * @param {Styled} one
 */
function cut({ x, y }, one) {
  /** @type {Spot[]} */
  const all = one.x
    .map((v, k) => ({ x: x.place(v), y: y.place(one.y[k]), side: y.side(one.y[k]), value: one.y[k] }))
    .sort((a, b) => a.x - b.x);
  /** @type {Path[]} */
  const pieces = [];
  /** @type {{x: number, side: -1 | 1}[]} */
  const exits = [];
  /** @type {Spot[]} */
  const stops = [];
  const edge = (/** @type {-1 | 1} */ side) => (side < 0 ? y.ends[1] : y.ends[0]);
  const spots = all.filter(finite);
  all.forEach((spot, k) => {
    if (k && finite(spot) !== finite(all[k - 1])) stops.push(all[finite(spot) ? k : k - 1]);
    if (!finite(spot)) return;
    const before = k && finite(all[k - 1]) ? all[k - 1] : null;
    const meet = (/** @type {Spot} */ from, /** @type {-1 | 1} */ side) => {
      const share = (edge(side) - from.y) / (spot.y - from.y);
      const at = from.x + share * (spot.x - from.x);
      exits.push({ x: at, side });
      return /** @type {[number, number]} */ ([at, edge(side)]);
    };
    if (before?.side && before.side !== spot.side) pieces.push([meet(before, before.side)]);
    else if (!before && !spot.side) pieces.push([]);
    if (spot.side && before && spot.side !== before.side) pieces[pieces.length - 1].push(meet(before, spot.side));
    if (!spot.side) pieces[pieces.length - 1].push([spot.x, spot.y]);
  });
  if (!exits.length && spots.length && spots.every((spot) => spot.side)) {
    const side = /** @type {-1 | 1} */ (spots[0].side);
    const ends = [spots[0].x, spots[spots.length - 1].x];
    pieces.push(ends.map((at) => [at, edge(side)])); // along the edge, with its arrow at the end
    exits.push({ x: ends[1], side });
  }
  if (all.length && !spots.length) stops.push({ ...all[0], y: y.ends[0] + 20, side: 0 });
  return { spots, pieces, exits, stops };
}

/** @param {Spot} spot */
const finite = (spot) => Number.isFinite(spot.value);

/** @param {Path} path */
const road = (path) => path.map(([x, y], k) => `${k ? "L" : "M"}${px(x)} ${px(y)}`).join("");

/**
 * A line. Theory often lies right on what was measured, so its dashes are set into that line: on
 * dashes of the page's own colour, a little thicker.
 *
 * @param {Styled} one
 * @param {Path[]} pieces
 */
function strokes(one, pieces) {
  const d = pieces.map(road).join("");
  const stroke = (/** @type {string} */ name, /** @type {string} */ color, /** @type {number} */ thick) =>
    s("path", {
      class: `vgp-line ${name}`,
      d,
      stroke: color,
      "stroke-width": thick,
      "stroke-dasharray": one.dash,
    });
  const line = stroke(`vgp-${one.role}`, one.color, one.thick);
  return one.role === "theory" ? [stroke("vgp-gap", "var(--vgp-bg)", 4.5), line] : [line];
}

/**
 * @param {Space} space
 * @param {Styled} one
 */
function band({ x, y }, one) {
  const within = (/** @type {number} */ v) =>
    y.side(v) ? y.ends[y.side(v) < 0 ? 1 : 0] : y.place(v);
  const there = one.x.map((_, k) => k).filter((k) => Number.isFinite(one.y[k]));
  const order = there.sort((a, b) => x.place(one.x[a]) - x.place(one.x[b]));
  const side = (/** @type {number[]} */ values) =>
    order.map((k) => /** @type {[number, number]} */ ([x.place(one.x[k]), within(values[k])]));
  const d = `${road([...side(one.low), ...side(one.high).reverse()])}Z`;
  return s("path", { class: "vgp-area", d, fill: one.color });
}

/** @type {Record<NonNullable<Styled["symbol"]>, (r: number) => string>} */
const SHAPES = {
  circle: (r) => `m${-r} 0a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`,
  square: (r) => `m${-r} ${-r}h${2 * r}v${2 * r}h${-2 * r}z`,
  triangle: (r) => `m0 ${px(-1.2 * r)}l${px(1.2 * r)} ${2 * r}h${px(-2.4 * r)}z`,
  diamond: (r) => `m0 ${px(-1.4 * r)}l${px(1.4 * r)} ${px(1.4 * r)}l${px(-1.4 * r)} ${px(1.4 * r)}l${px(-1.4 * r)} ${px(-1.4 * r)}z`,
};

/**
 * A mark on every point, or on both ends where the points stand too close.
 *
 * @param {Space} space
 * @param {Styled} one
 * @param {Spot[]} spots
 */
function marks({ x }, one, spots) {
  if (!one.symbol) return null;
  const close = (x.ends[1] - x.ends[0]) / 8 < spots.length || spots.some((p, k) => k && p.x - spots[k - 1].x < 6.5);
  const shown = close ? [spots[0], spots[spots.length - 1]] : spots;
  const shape = SHAPES[one.symbol](close ? 4 : 3);
  return s("path", {
    class: "vgp-marks",
    d: shown
      .filter((spot) => spot && !spot.side)
      .map((spot) => `M${px(spot.x)} ${px(spot.y)}${shape}`)
      .join(""),
    fill: one.color,
  });
}

/**
 * Where a measured line leaves the chart: an arrow, and the number that is farthest out.
 *
 * @param {Space} space
 * @param {{one: Styled, spots: Spot[], exits: {x: number, side: -1 | 1}[], stops: Spot[]}[]} drawn
 * @param {Box[]} taken where text stands; what is written is added
 */
function arrows({ x, y }, drawn, taken) {
  const used = { "-1": 0, 1: 0 };
  return drawn.flatMap(({ one, spots, exits, stops }) => {
    if (one.role === "ghost") return [];
    return ([-1, 1]).flatMap((side) => {
      const exit = exits.find((e) => e.side === side);
      if (!exit) return [];
      const edge = side < 0 ? y.ends[1] : y.ends[0];
      const arrow = s("path", {
        class: "vgp-arrow",
        d: `M${px(exit.x - 6)} ${px(edge + side * 8)}h12l-6 ${-side * 9}z`,
        fill: one.color,
      });
      if (one.role === "theory") return [arrow];
      const out = spots.filter((spot) => spot.side === side).map((spot) => spot.value);
      const far = side < 0 ? Math.min(...out) : Math.max(...out);
      const last = stops.some((stop) => stop.side === side) ? ", then not finite" : "";
      const words = `${side < 0 ? "down" : "up"} to ${figures(far)}${last}`;
      const row = used[/** @type {-1 | 1} */ (side)]++;
      const long = 7.5 * words.length;
      const before = exit.x - x.ends[0] > long + 24;
      const at = exit.x + (before ? -12 : 12);
      const base = edge + side * (8 + 18 * row) + (side > 0 ? 6 : 2);
      const left = before ? at - long : at;
      taken.push({ left, right: left + long, top: base - 12, bottom: base + 3 });
      return [
        arrow,
        s(
          "text",
          {
            class: "vgp-out",
            x: px(at),
            y: px(base),
            "text-anchor": before ? "end" : "start",
          },
          words,
        ),
      ];
    });
  });
}

/**
 * Where a measured line stops within the chart: a cross that says why.
 *
 * @param {Space} space
 * @param {{one: Styled, stops: Spot[]}[]} drawn
 * @param {Box[]} taken where text stands; what is written is added
 */
function crosses({ x, y }, drawn, taken) {
  const words = "not finite";
  const long = 7.5 * words.length;
  return drawn.flatMap(({ one, stops }) => {
    if (one.role === "ghost" || one.role === "theory") return [];
    return stops.filter((stop) => !stop.side).flatMap((stop) => {
      const before = stop.x + 14 + long > x.ends[1];
      const base = Math.max(y.ends[0] + 12, stop.y - 8);
      const left = before ? stop.x - 12 - long : stop.x + 12;
      taken.push({ left, right: left + long, top: base - 12, bottom: base + 3 });
      return [
        s("path", {
          class: "vgp-cross",
          d: `M${px(stop.x - 6)} ${px(stop.y - 6)}l12 12m0 -12l-12 12`,
          stroke: one.color,
        }),
        s(
          "text",
          {
            class: "vgp-out",
            x: px(before ? stop.x - 12 : stop.x + 12),
            y: px(base),
            "text-anchor": before ? "end" : "start",
          },
          words,
        ),
      ];
    });
  });
}

/**
 * The names of theory and of the setting before, written beside their lines.
 *
 * @param {Space} space
 * @param {{one: Styled, pieces: Path[]}[]} drawn
 * @param {Box[]} taken where text stands already
 */
function names({ x, y, width }, drawn, taken) {
  const paths = drawn.flatMap(({ pieces }) => pieces).filter((piece) => piece.length > 1);
  const frame = { left: x.ends[0], right: width - 2, top: y.ends[0], bottom: y.floor ?? y.ends[1] };
  return drawn.flatMap(({ one, pieces }) => {
    if (one.role !== "theory" && one.role !== "ghost") return [];
    const own = pieces.reduce((a, b) => (reach(b) > reach(a) ? b : a), []);
    if (own.length < 2 || !one.name) return [];
    const name = shorten(one.name, Math.floor((frame.right - frame.left) / LETTER));
    const box = placeLabel(own, paths, taken, frame, LETTER * name.length);
    taken.push(box);
    return s(
      "text",
      {
        class: `vgp-name vgp-${one.role}-name`,
        x: px((box.left + box.right) / 2),
        y: px((box.top + box.bottom) / 2 + 4.5),
        "text-anchor": "middle",
      },
      name,
    );
  });
}

/**
 * A name with its middle left out, where it is longer than there is room: what tells two settings
 * apart stands at its ends.
 *
 * @param {string} name
 * @param {number} room characters
 */
const shorten = (name, room) =>
  name.length <= room ? name : `${name.slice(0, room - 11).trimEnd()}…${name.slice(-10)}`;

/** @param {Path} path */
const reach = (path) => (path.length ? path[path.length - 1][0] - path[0][0] : -1);
