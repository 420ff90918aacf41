// @ts-check
import { h, say } from "./dom.js";
import { mark } from "./legend.js";
import { looks } from "./styles.js";
import { prose } from "./text.js";
/** @import { Choice, Value } from "./types.js" */
/** @import { Moved } from "./controls.js" */

const NUMBERS = ["", "One", "Two", "Three", "Four"];

/**
 * A choice of several options: a list of boxes to tick, with the look that each has in the chart.
 *
 * @param {Choice} control
 * @param {string} id
 * @param {number} most that can be ticked
 * @param {Moved} moved
 */
export function several({ name, label, options }, id, most, moved) {
  /** @type {string[]} */
  let chosen = [];
  const boxes = options.map((option, k) =>
    h("input", {
      type: "checkbox",
      value: option.value,
      tabindex: -1,
      onchange: () => toggle(k),
      onfocus: () => stand(k),
    }),
  );
  const marks = options.map(() => h("span", { class: "vgp-pick-mark" }));
  const rows = boxes.map((box, k) =>
    h("label", { class: "vgp-pick" }, box, h("span", {}, options[k].label), marks[k]),
  );
  const count = h("span", { class: "vgp-value", role: "status" });
  const problem = h("p", { class: "vgp-refused", role: "alert" });
  const list = h("div", { class: "vgp-picks" }, rows);
  const element = h(
    "div",
    {
      class: "vgp-control",
      role: "group",
      "aria-labelledby": `${id}-label`,
      "aria-describedby": `${id}-keys`,
    },
    h(
      "div",
      { class: "vgp-label" },
      h("span", { id: `${id}-label` }, prose(label)),
      count,
    ),
    list,
    problem,
    h("p", { class: "vgp-told", id: `${id}-keys` }, "The arrow keys move along the list."),
  );
  // One stop for the Tab key, however many options: it is the one that had the focus last.
  let at = -1;
  /** @param {number} k */
  function stand(k) {
    if (boxes[at]) boxes[at].tabIndex = -1;
    boxes[k].tabIndex = 0;
    at = k;
  }
  list.addEventListener("keydown", (event) => {
    const last = boxes.length - 1;
    /** @type {Record<string, number>} */
    const to = { ArrowDown: Math.min(last, at + 1), ArrowUp: Math.max(0, at - 1), Home: 0, End: last };
    if (!(event.key in to)) return;
    event.preventDefault();
    boxes[to[event.key]].focus();
  });

  /** @param {number} k */
  function toggle(k) {
    const { value } = options[k];
    const next = boxes[k].checked ? [...chosen, value] : chosen.filter((one) => one !== value);
    const wrong =
      next.length > most
        ? `${NUMBERS[most]} at most: take one away first.`
        : next.length
          ? ""
          : "One stays: choose another first.";
    problem.replaceChildren(...(wrong ? [wrong] : [])); // told anew, also where it stands already
    if (wrong) return void (boxes[k].checked = !boxes[k].checked);
    chosen = next; // before it is shown: what the reader just ticked is in view
    moved(name, next);
    moved.rests();
  }

  return {
    element,
    /**
     * @param {Value} value
     * @param {Map<string, number>} seats
     */
    show(value, seats) {
      const now = /** @type {string[]} */ (value);
      const elsewhere = `${now}` !== `${chosen}`;
      chosen = now;
      options.forEach((option, k) => {
        boxes[k].checked = now.includes(option.value);
        const seat = seats.get(option.value);
        const look = boxes[k].checked && seat !== undefined ? [mark(looks[seat])] : [];
        marks[k].replaceChildren(...look);
      });
      say(count, `${now.length} of at most ${most}`);
      if (!elsewhere) return;
      problem.replaceChildren();
      const first = boxes.findIndex((box) => box.checked);
      stand(first);
      list.scrollTop = rows[first].offsetTop;
    },
    toTable() {},
  };
}
