// @ts-check
import { heightAt } from "./labels.js";
import { runs } from "./styles.js";
import { px, s } from "./svg.js";
/** @import { Space } from "./chart.js" */
/** @import { Path } from "./labels.js" */
/** @import { Frame } from "./types.js" */

/** A film's moment in the chart: a line, with a mark where it meets each measured one. */
export function makeCursor() {
  const element = s("g", { class: "vgp-cursor" });
  /** @type {{path: Path, color: string}[]} */
  let roads = [];
  /** @type {Space | null} */
  let space = null;
  return {
    element,
    /**
     * A chart was drawn.
     *
     * @param {Frame} frame
     * @param {Space} drawn
     */
    show(frame, drawn) {
      space = drawn;
      roads = runs(frame).map(({ x, y, color }) => ({
        path: x
          .map((v, k) => /** @type {[number, number]} */ ([drawn.x.place(v), drawn.y.place(y[k])]))
          .sort((a, b) => a[0] - b[0]),
        color,
      }));
    },
    /** @param {number | null} moment null draws nothing: the film has ended */
    move(moment) {
      if (!space || moment === null) return element.replaceChildren();
      const { x, y } = space;
      const at = x.place(moment);
      const foot = y.floor ?? y.ends[1];
      const met = roads.flatMap(({ path, color }) => {
        const height = heightAt(path, at);
        const inside = height >= y.ends[0] && height <= foot && at <= path[path.length - 1][0];
        return inside ? [s("circle", { cx: px(at), cy: px(height), r: 5, fill: color })] : [];
      });
      element.replaceChildren(s("path", { d: `M${px(at)} ${px(y.ends[0])}V${px(foot)}` }), ...met);
    },
  };
}
