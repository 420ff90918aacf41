// @ts-check
import { areaY, dot, line, plot, ruleX, ruleY, text } from "@observablehq/plot";
import { barTicks, bars, widened } from "./bars.js";
import { placeLabel } from "./labels.js";
import { union, wrap, xScale, yScale } from "./scales.js";
import { styled } from "./styles.js";
/** @import { Frame } from "./types.js" */
/** @import { Styled } from "./styles.js" */
/** @import { Scale } from "./scales.js" */

/**
 * Draw a frame.
 *
 * @param {Frame} frame
 * @param {{width: number, height: number, theory: boolean, ghost: Frame | null, label: string}}
 *   options pixels, and the height that there is room for; whether theory is drawn; the run that is kept to compare with; what the picture is called
 * @returns {SVGSVGElement}
 */
export function draw(frame, { width, height: room, theory, ghost, label }) {
  const all = styled(frame, theory, ghost);
  const height = Math.round(Math.min(420, Math.max(280, width * 0.64, room)));
  const left = { label: wrap(`↑ ${frame.y.label}`, Math.floor(width / 7)), lines: 0 };
  left.lines = left.label.split("\n").length;
  const below = wrap(`${frame.x.label} →`, Math.floor(width / 7));
  const sameAxes = ghost !== null && !frame.x.names && ghost.y.log === frame.y.log;
  const margin = { top: 14 + 17 * left.lines, right: 16, bottom: 0, left: 0 };
  const inner = height - margin.top - 48;
  const values = all.flatMap((s) => [...s.y, ...s.low, ...s.high]);
  const domains = widened(frame, {
    x: union(frame.x.domain, sameAxes ? ghost.x.domain : undefined),
    y: union(frame.y.domain, sameAxes ? ghost.y.domain : undefined),
  });
  const y = yScale(frame.y, domains.y, values, inner);
  margin.left =
    14 + 7.2 * Math.max(...y.ticks.flatMap((tick) => tick.text.split("\n")).map((s) => s.length));
  const x = xScale(frame.x, domains.x, width - margin.left - margin.right);
  if (!frame.x.names && all.some((s) => s.kind === "bar")) x.ticks = barTicks(all, width);
  const nameLines = Math.max(...x.ticks.map((tick) => tick.text.split("\n").length));
  const longest = Math.max(...x.ticks.map((tick) => tick.text.length));
  const nameRoom = x.slanted ? 5 * longest : 16 * (nameLines - 1);
  margin.bottom = 29 + nameRoom + 17 * below.split("\n").length;
  const full = height + nameRoom;
  /** @type {Space} */
  const space = { x, y, width, height: full, margin };
  const svg = /** @type {SVGSVGElement} */ (
    plot({
      className: "vgp-plot",
      width,
      height: full,
      marginTop: margin.top,
      marginRight: margin.right,
      marginBottom: margin.bottom,
      marginLeft: margin.left,
      ariaLabel: label,
      x: { type: "linear", domain: x.domain, axis: null },
      y: { type: "linear", domain: y.domain, axis: null },
      marks: [
        ...axes(space, left.label, below),
        ...bars(
          space,
          all.filter((s) => s.kind === "bar"),
        ),
        ...lines(
          space,
          all.filter((s) => s.kind === "line"),
        ),
      ],
    })
  );
  svg.setAttribute("role", "img");
  // Plot names its groups for debugging; the picture as a whole is what has a name.
  for (const group of svg.querySelectorAll("g[aria-label]")) group.removeAttribute("aria-label");
  return svg;
}

/**
 * @typedef {{x: Scale, y: Scale, width: number, height: number,
 *   margin: {top: number, right: number, bottom: number, left: number}}} Space
 */

/**
 * @param {Space} space
 * @param {string} up
 * @param {string} along
 */
function axes({ x, y, height, margin }, up, along) {
  const quiet = { fill: "var(--vgp-muted)", lineHeight: 1.2 };
  const pixel = (y.domain[1] - y.domain[0]) / (height - margin.top - margin.bottom);
  const foot = y.domain[0];
  const at = (/** @type {{at: number}} */ tick) => tick.at;
  const named = (/** @type {{text: string}} */ tick) => tick.text;
  return [
    ruleY(y.grid, { stroke: "var(--vgp-line)" }),
    ruleY(y.edges, { stroke: "var(--vgp-muted)", strokeDasharray: "1 4", strokeLinecap: "round" }),
    text(y.ticks, { ...quiet, x: x.domain[0], y: at, text: named, textAnchor: "end", dx: -10 }),
    ruleX(x.ticks, { stroke: "var(--vgp-ghost)", x: at, y1: foot, y2: foot - 5 * pixel }),
    text(x.ticks, {
      ...quiet,
      x: at,
      y: foot,
      text: named,
      ...(x.slanted
        ? { rotate: -40, textAnchor: "end", dx: 4, dy: 14 }
        : { lineAnchor: "top", dy: 9 }),
    }),
    text([up], {
      ...quiet,
      frameAnchor: "top-left",
      lineAnchor: "top",
      textAnchor: "start",
      dx: -margin.left,
      dy: -margin.top + 1,
    }),
    text([along], {
      ...quiet,
      frameAnchor: "bottom-right",
      lineAnchor: "bottom",
      textAnchor: "end",
      dx: margin.right - 2,
      dy: margin.bottom - 2,
    }),
  ];
}

/**
 * @param {Space} space
 * @param {Styled[]} series
 */
function lines(space, series) {
  const { x, y } = space;
  const placed = series.map((s) => ({
    ...s,
    xs: s.x.map(x.place),
    ys: s.y.map(y.place),
    lows: s.low.map(y.place),
    highs: s.high.map(y.place),
  }));
  const bands = placed
    .filter((s) => s.lows.length)
    .map((s) =>
      areaY(s.xs, {
        className: "vgp-area",
        x: s.xs,
        y1: s.lows,
        y2: s.highs,
        fill: s.color,
        fillOpacity: 0.16,
      }),
    );
  const strokes = placed.map((s) =>
    line(s.ys, {
      className: "vgp-line",
      x: s.xs,
      y: s.ys,
      stroke: s.color,
      strokeWidth: s.thick,
      strokeDasharray: s.dash,
      strokeLinejoin: "round",
      strokeLinecap: "butt",
    }),
  );
  const ends = placed
    .filter((s) => s.symbol)
    .map((s) => {
      const points = s.xs.length > 12 ? [0, s.xs.length - 1] : s.xs.map((_, k) => k);
      return dot(points, {
        x: (k) => s.xs[k],
        y: (k) => s.ys[k],
        r: 4,
        symbol: s.symbol,
        fill: s.color,
      });
    });
  return [...bands, ...strokes, ...ends, ...names(space, placed)];
}

/**
 * The names of theory lines, written beside them.
 *
 * @param {Space} space
 * @param {(Styled & {xs: number[], ys: number[]})[]} placed
 */
function names({ x, y, width, height, margin }, placed) {
  const across = width - margin.left - margin.right;
  const down = height - margin.top - margin.bottom;
  const along = (/** @type {number} */ v) =>
    margin.left + ((v - x.domain[0]) / (x.domain[1] - x.domain[0])) * across;
  const up = (/** @type {number} */ v) =>
    margin.top + ((y.domain[1] - v) / (y.domain[1] - y.domain[0])) * down;
  const paths = placed.map((s) =>
    s.xs.map((v, k) => /** @type {[number, number]} */ ([along(v), up(s.ys[k])])),
  );
  const frame = { left: margin.left, right: width - 2, top: margin.top, bottom: margin.top + down };
  /** @type {import("./labels.js").Box[]} */
  const taken = [];
  return placed.flatMap((s, k) => {
    if (s.role !== "theory" || !paths[k].length) return [];
    const box = placeLabel(paths[k], paths, taken, frame, 7 * s.name.length);
    taken.push(box);
    return text([s.name], {
      fill: s.color,
      frameAnchor: "top-left",
      dx: (box.left + box.right) / 2 - margin.left,
      dy: (box.top + box.bottom) / 2 - margin.top,
      textAnchor: "middle",
      lineAnchor: "middle",
      stroke: "var(--vgp-bg)",
      strokeWidth: 4,
    });
  });
}
