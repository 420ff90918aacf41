// @ts-check
import { h, say } from "./dom.js";
import { mark } from "./legend.js";
import { runs } from "./styles.js";
/** @import { Frame } from "./types.js" */

/**
 * The readouts of several options: a table with a row for each. The verdicts are announced.
 */
export function makeRows() {
  const head = h("tr", { role: "row" });
  const body = h("tbody", { role: "rowgroup" });
  const told = h("p", { class: "vgp-told", role: "status" });
  // The roles are a table's own; on a phone, where its parts are laid out as a list, it keeps them.
  const table = h(
    "table",
    { class: "vgp-table", role: "table" },
    h("thead", { role: "rowgroup" }, head),
    body,
  );
  const element = h("div", { class: "vgp-rows" }, table, told);
  return {
    element,
    /** @param {Frame} frame */
    show(frame) {
      const rows = frame.rows ?? [];
      const styles = runs(frame);
      head.replaceChildren(
        h("td", { role: "cell" }),
        ...rows[0].readouts.map(({ label }) => h("th", { scope: "col", role: "columnheader" }, label)),
      );
      body.replaceChildren(
        ...rows.map(({ name, readouts }, k) =>
          h(
            "tr",
            { role: "row" },
            h("th", { scope: "row", role: "rowheader" }, h("div", {}, mark(styles[k]), h("span", {}, name ?? ""))),
            readouts.map(({ text, tone, note }) =>
              h(
                "td",
                { role: "cell" },
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
