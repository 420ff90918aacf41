// @ts-check
import { barTicks, bars } from "./bars.js";
import { lines } from "./lines.js";
import { wrap, xScale, yScale } from "./scales.js";
import { styled } from "./styles.js";
import { px, s } from "./svg.js";
/** @import { Frame, Past } from "./types.js" */
/** @import { Scale } from "./scales.js" */

/**
 * Where things stand: the scales, and the width of the whole picture.
 *
 * @typedef {{x: Scale, y: Scale, width: number, height: number}} Space
 */

/**
 * Draw a frame.
 *
 * @param {Frame} frame
 * @param {{width: number, height: number, aspect: number, before: Past | null,
 *   label: string}} options pixels, and the height that there is room for; the height for a width of
 *   1, at the least; what was shown before the last move, if its axes are the same; what the picture
 *   is called
 * @returns {{svg: SVGSVGElement, space: Space}}
 */
export function draw(frame, { width, height: room, aspect, before, label }) {
  const series = styled(frame, before && sameAxes(frame, before.frame) ? before : null);
  const least = frame.rows ? 220 : 260; // below several strips, and above several rows
  const height = Math.round(Math.min(500, Math.max(least, width * aspect, room)));
  const up = wrap(frame.y.label, Math.floor(width / 6.5)).split("\n");
  const along = wrap(frame.x.label, Math.floor(width / 6.5)).split("\n");
  up[0] = `↑ ${up[0]}`;
  if (frame.x.reverse) along[0] = `← ${along[0]}`;
  else along[along.length - 1] += " →";
  const top = 12 + 17 * up.length;
  // The names of the ticks decide how much room there is, and the room how many ticks: twice.
  let y = yScale(frame.y, top, height - 48);
  const longest = Math.max(
    ...[...y.ticks.map((tick) => tick.text), ...floorName(frame)].map((text) => text.length),
  );
  const left = 14 + 7 * longest;
  const x = xScale(frame.x, left, width - 10);
  const barred = series.filter((one) => one.kind === "bar");
  if (!frame.x.names && barred.length) x.ticks = barTicks(barred, x);
  const names = x.ticks.map((tick) => tick.text.split("\n"));
  const below = x.slanted
    ? 5 * Math.max(...names.flat().map((name) => name.length))
    : 16 * (Math.max(...names.map((lines) => lines.length)) - 1);
  const bottom = height - 12 - 17 * (along.length + 1) - below;
  y = yScale(frame.y, top, bottom);
  /** @type {Space} */
  const space = { x, y, width, height };
  const svg = /** @type {SVGSVGElement} */ (
    s(
      "svg",
      {
        class: "vgp-plot",
        width,
        height,
        viewBox: `0 0 ${width} ${height}`,
        role: "img",
        "aria-label": label,
      },
      ...axes(space, frame, up, along),
      ...bars(space, barred),
      ...lines(
        space,
        series.filter((one) => one.kind === "line"),
      ),
    )
  );
  return { svg, space };
}

/**
 * Whether two frames can be drawn in one picture.
 *
 * @param {Frame} a
 * @param {Frame} b
 */
const sameAxes = (a, b) =>
  a.y.label === b.y.label && a.x.label === b.x.label && `${a.x.names}` === `${b.x.names}`;

/** @param {Frame} frame */
const floorName = (frame) =>
  frame.y.log && frame.y.floor !== undefined ? wrap(frame.y.floor, 8).split("\n") : [];

/**
 * @param {Space} space
 * @param {Frame} frame
 * @param {string[]} up
 * @param {string[]} along
 */
function axes({ x, y, width, height }, frame, up, along) {
  const [left, right] = x.ends;
  const foot = y.floor ?? y.ends[1];
  const across = (/** @type {number} */ at) => `M${px(left)} ${px(at)}H${px(right)}`;
  const out = [s("path", { class: "vgp-grid", d: y.ticks.map(({ at }) => across(at)).join("") })];
  for (const { at, text } of y.ticks)
    out.push(write([text], left - 10, at + 4.5, { "text-anchor": "end" }));
  if (y.floor !== undefined) {
    const name = floorName(frame);
    out.push(s("path", { class: "vgp-floor", d: across(y.floor) }));
    out.push(write(name, left - 10, y.floor + 4.5 - 7 * (name.length - 1), { "text-anchor": "end" }));
  }
  for (const { at, text } of x.ticks)
    out.push(
      x.slanted
        ? write([text], 0, 0, {
            "text-anchor": "end",
            transform: `translate(${px(at + 4)} ${px(foot + 18)}) rotate(-40)`,
          })
        : write(text.split("\n"), at, foot + 19, { "text-anchor": "middle" }),
    );
  out.push(write(up, 0, 12, {}));
  out.push(
    write(along, width - 10, height - 5 - 17 * (along.length - 1), { "text-anchor": "end" }),
  );
  return out;
}

/**
 * A text of several lines.
 *
 * @param {string[]} rows
 * @param {number} x
 * @param {number} y of the first one
 * @param {Record<string, string>} attributes
 */
function write(rows, x, y, attributes) {
  if (rows.length === 1) return s("text", { x: px(x), y: px(y), ...attributes }, rows[0]);
  const spans = rows.map((row, k) => s("tspan", { x: px(x), dy: k ? 16 : 0 }, row));
  return s("text", { y: px(y), ...attributes }, ...spans);
}
