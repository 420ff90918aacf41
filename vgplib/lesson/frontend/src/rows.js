// @ts-check
import { h, say } from "./dom.js";
import { mark } from "./legend.js";
import { runs } from "./styles.js";
/** @import { Frame } from "./types.js" */

/**
 * The readouts of several options: a table with a row for each. The verdicts are announced.
 */
export function makeRows() {
  const head = h("tr");
  const body = h("tbody");
  const told = h("p", { class: "vgp-told", role: "status" });
  const table = h("table", { class: "vgp-table" }, h("thead", {}, head), body);
  const element = h("div", { class: "vgp-rows" }, table, told);
  return {
    element,
    /** @param {Frame} frame */
    show(frame) {
      const rows = frame.rows ?? [];
      const styles = runs(frame);
      head.replaceChildren(
        h("td"),
        ...rows[0].readouts.map(({ label }) => h("th", { scope: "col" }, label)),
      );
      body.replaceChildren(
        ...rows.map(({ name, readouts }, k) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, h("div", {}, mark(styles[k]), h("span", {}, name ?? ""))),
            readouts.map(({ text, tone, note }) =>
              h(
                "td",
                {},
                h("span", { class: `vgp-tone-${tone}` }, text),
                note ? h("small", {}, note) : null,
              ),
            ),
          ),
        ),
      );
      say(told, rows.map(({ name, readouts }) => `${name}: ${readouts[2].text}`).join(". "));
    },
  };
}
