// @ts-check
import { draw } from "./chart.js";
import { makeCursor } from "./cursor.js";
import { h } from "./dom.js";
import { makeFilm } from "./film.js";
import { showLegend } from "./legend.js";
import { number } from "./numbers.js";
import { makeReader } from "./reader.js";
import { makeStrips } from "./strips.js";
/** @import { Frame, Past } from "./types.js" */
/** @import { Space } from "./chart.js" */

/**
 * A frame as it is to be seen.
 *
 * @typedef {{frame: Frame, before: Past | null, label: string}} Shot
 *   before: what is pale beside it; label: of the picture
 */

/**
 * The chart with its strips above, its key, its values under the pointer, and its film.
 *
 * @param {HTMLElement} column what stands beside it: the chart grows to its height
 */
export function makeStage(column) {
  const strips = makeStrips();
  const cursor = makeCursor();
  const film = makeFilm(seek);
  const picture = h("div", {
    class: "vgp-picture",
    tabindex: 0,
    role: "application",
    "aria-roledescription": "chart",
    "aria-label": "Chart: the arrow keys read its values",
  });
  const reader = makeReader(picture);
  const legend = h("ul", { class: "vgp-legend" });
  const frame = h("div", { class: "vgp-frame" }, picture, ...reader.elements);
  const element = h("div", { class: "vgp-chart" }, strips.element, legend, frame, film.element);
  /** @type {Shot | null} */
  let shot = null;
  /** @type {Space | null} */
  let space = null;
  // Of the chart, in pixels; asking the page at each move would cost a layout.
  let width = 0;
  let room = 0;

  /** @param {boolean} [pulse] whether a pulse runs through the strip: something was moved */
  function paint(pulse = false) {
    if (!shot || !width) return;
    const { frame, before, label } = shot;
    const past = before && !alike(before.frame, frame) ? before : null;
    const aspect = element.closest(".vgp-deck") ? 0.3 : 0.5; // a slide is low
    const drawn = draw(frame, { width, height: room, aspect, before: past, label });
    space = drawn.space;
    reader.show(frame, space, drawn.svg);
    cursor.show(frame, space);
    drawn.svg.append(cursor.element);
    picture.replaceChildren(drawn.svg);
    showLegend(legend, frame, past && past.words);
    seek(pulse);
  }

  /** Show the film's moment: the chart stays. @param {boolean} [pulse] */
  function seek(pulse = false) {
    if (!shot || !space) return;
    const [left, right] = space.x.ends;
    strips.show(shot.frame, film.moment(), { left, right, width }, pulse);
    cursor.move(film.moment());
  }

  // A frame later: what is painted changes the sizes that are watched, and within the same frame this
  // is an error of the page.
  let later = 0;
  const observer = new ResizeObserver(() => {
    cancelAnimationFrame(later);
    later = requestAnimationFrame(() => void (fit() && paint()));
  });
  for (const part of [picture, column, legend]) observer.observe(part);

  /** Take the room there is; returns whether it changed. */
  function fit() {
    const was = [width, room];
    width = picture.clientWidth;
    const all = element.getBoundingClientRect();
    const beside = column.getBoundingClientRect();
    const over = picture.getBoundingClientRect().top - all.top;
    const scale = all.width / element.offsetWidth || 1; // slides are scaled to the screen
    // It grows with its neighbour and does not shrink again: the axes stay where they are.
    const free = (beside.height - over) / scale - film.element.offsetHeight;
    // Before the first picture nobody knows how much stands above it; above that of several options
    // it changes with every strip.
    room = beside.right <= all.left && shot && !shot.frame.rows ? Math.max(width === was[0] ? room : 0, free) : 0;
    return width !== was[0] || room !== was[1];
  }

  return {
    element,
    fit,
    /**
     * @param {Shot} next
     * @param {boolean} pulse
     */
    show(next, pulse) {
      shot = next;
      film.show(next.frame);
      paint(pulse);
    },
    /** The main line's heights in the chart, from the loss on or from the first step on; null: none. */
    heights() {
      const one = shot?.frame.series.find((series) => series.role === "main");
      const { y } = space ?? {};
      if (!one || !y) return [];
      const [top, foot] = y.ends;
      return one.x
        .map((x, k) => ({ x: number(x), value: number(one.y[k]) }))
        .sort((a, b) => a.x - b.x)
        .map(({ value }) =>
          !Number.isFinite(value) || (shot?.frame.y.log && value === 0) ? null : (foot - y.place(value)) / (foot - top),
        );
    },
    rewind() {
      film.rewind();
      seek();
    },
    stop() {
      observer.disconnect();
      cancelAnimationFrame(later);
      film.stop();
    },
  };
}

/**
 * Whether two frames would be drawn alike.
 *
 * @param {Frame} a
 * @param {Frame} b
 */
const alike = (a, b) => JSON.stringify(a.series) === JSON.stringify(b.series);
