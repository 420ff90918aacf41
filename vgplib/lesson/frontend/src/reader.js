// @ts-check
import { h, say } from "./dom.js";
import { figures, number } from "./numbers.js";
import { short } from "./scales.js";
import { px, s } from "./svg.js";
/** @import { Frame, Num, Series } from "./types.js" */
/** @import { Space } from "./chart.js" */

/** @typedef {{at: number, height: number, title: string, rows: {name: string, text: string}[]}} Reading */

/**
 * The values of a chart, point by point: under the pointer, and by the arrow keys.
 *
 * @param {HTMLElement} picture holds the chart; it takes the focus
 */
export function makeReader(picture) {
  const tip = h("div", { class: "vgp-tip", hidden: true, "aria-hidden": true });
  const told = h("p", { class: "vgp-told", role: "status" });
  const rule = s("path", { class: "vgp-rule" });
  /** @type {Reading[]} */
  let readings = [];
  /** @type {Space | null} */
  let space = null;
  let now = -1;

  /** @param {number} k */
  function point(k) {
    const reading = readings[k];
    if (!reading || !space) return;
    now = k;
    rule.setAttribute("d", `M${px(reading.at)} ${px(space.y.ends[0])}V${px(space.y.floor ?? space.y.ends[1])}`);
    tip.replaceChildren(
      h("strong", {}, reading.title),
      ...reading.rows.map(({ name, text }) =>
        h("span", {}, reading.rows.length > 1 ? `${name}: ${text}` : text),
      ),
    );
    tip.hidden = false;
    const beyond = reading.at > space.width / 2;
    tip.style.left = beyond ? "" : `${px(reading.at + 12)}px`;
    tip.style.right = beyond ? `${px(space.width - reading.at + 12)}px` : "";
    // Above the line where the line is low, below it where it is high.
    const [top, foot] = space.y.ends;
    const high = reading.height < (top + foot) / 2;
    tip.style.top = high ? "" : `${px(top)}px`;
    tip.style.bottom = high ? `${px(space.height - foot + 6)}px` : "";
  }

  function leave() {
    now = -1;
    tip.hidden = true;
    rule.setAttribute("d", "");
  }

  /** @param {number} x pixels */
  const nearest = (x) => {
    const far = readings.map((reading) => Math.abs(reading.at - x));
    return far.indexOf(Math.min(...far));
  };

  picture.addEventListener("pointermove", (event) => {
    const { left, width } = picture.getBoundingClientRect();
    point(nearest(((event.clientX - left) * picture.clientWidth) / width)); // slides are scaled
  });
  picture.addEventListener("pointerleave", leave);
  picture.addEventListener("blur", leave);
  picture.addEventListener("keydown", (event) => {
    const last = readings.length - 1;
    /** @type {Record<string, number>} */
    const to = {
      ArrowLeft: now < 0 ? last : Math.max(0, now - 1),
      ArrowRight: now < 0 ? 0 : Math.min(last, now + 1),
      Home: 0,
      End: last,
    };
    if (event.key === "Escape") leave();
    if (!(event.key in to) || last < 0) return;
    event.preventDefault();
    point(to[event.key]);
    const { title, rows } = readings[now];
    say(told, `${title}: ${rows.map(({ name, text }) => `${name} ${text}`).join("; ")}`);
  });

  return {
    elements: [tip, told],
    /**
     * A chart was drawn.
     *
     * @param {Frame} frame
     * @param {Space} drawn
     * @param {SVGSVGElement} svg
     */
    show(frame, drawn, svg) {
      space = drawn;
      leave();
      svg.append(rule);
      readings = [];
      const digits = frame.y.log ? 2 : 3;
      const measured = frame.series.filter((one) => one.role !== "theory");
      for (const x of new Set(measured.flatMap((one) => one.x.map(number)))) {
        const there = frame.series
          .map((one) => ({ one, k: one.x.findIndex((v) => number(v) === x) }))
          .filter(({ k }) => k >= 0);
        readings.push({
          at: drawn.x.place(x),
          height: drawn.y.place(number(there[0].one.y[there[0].k])),
          title: frame.x.names?.[x] ?? `${frame.x.label}: ${short(x)}`,
          rows: there.map(({ one, k }) => ({ name: one.name, text: value(one, k, digits) })),
        });
      }
      readings.sort((a, b) => a.at - b.at);
    },
  };
}

/**
 * A value with its range: "0.23 (0.22 to 0.25)".
 *
 * @param {Series} series
 * @param {number} k
 * @param {number} digits
 */
function value({ y, low, high }, k, digits) {
  const text = (/** @type {Num} */ v) => figures(number(v), digits);
  const [from, to] = low && high ? [text(low[k]), text(high[k])] : ["", ""];
  return from === to ? text(y[k]) : `${text(y[k])} (${from} to ${to})`;
}
