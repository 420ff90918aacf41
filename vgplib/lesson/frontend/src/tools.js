// @ts-check
import { h, say } from "./dom.js";
import { fragment, python } from "./settings.js";
import { makeTable } from "./table.js";
/** @import { BenchSpec, Frame, Settings } from "./types.js" */

/**
 * The row of tools under a bench, with the panels that they open.
 *
 * @param {BenchSpec} spec
 * @param {boolean} live in a notebook, whose address belongs to somebody else
 * @param {{settings(): Settings, reset(): void}} bench
 */
export function makeTools(spec, live, bench) {
  const status = h("span", { class: "vgp-said", role: "status" });
  const code = h("pre", { tabindex: 0, "aria-label": "Python for this setting", role: "region" });
  const codePanel = h("div", { class: "vgp-panel", id: `${spec.id}-code`, hidden: true }, code);
  const tablePanel = h("div", {
    class: "vgp-panel vgp-scroll",
    id: `${spec.id}-table`,
    hidden: true,
    tabindex: 0,
    role: "region",
    "aria-label": "Data table",
  });
  /** @type {{frame: Frame, words: string} | null} */
  let shown = null;

  const copy = opener("Copy as Python", codePanel, async () => {
    if (codePanel.hidden) return say(status, "");
    const done = await write(python(spec, bench.settings()));
    if (!done) getSelection()?.selectAllChildren(code);
    say(status, done ? "Copied." : "Selected: press Ctrl+C or ⌘C to copy.");
  });
  const link = h("button", { type: "button", class: "vgp-tool" }, "Link to this setting");
  link.addEventListener("click", async () => {
    history.replaceState(history.state, "", fragment(spec, bench.settings()));
    const done = await write(location.href);
    say(
      status,
      done ? "Link copied; the address bar has it too." : "The address bar has the link.",
    );
  });
  const data = opener("Data table", tablePanel, () => fill());
  const reset = h("button", { type: "button", class: "vgp-tool" }, "Reset");
  reset.addEventListener("click", () => {
    bench.reset();
    say(status, "Back at the first setting.");
  });

  function fill() {
    if (!tablePanel.hidden && shown)
      tablePanel.replaceChildren(makeTable(shown.frame, `${spec.title}: ${shown.words}`));
  }

  return {
    elements: [
      h("div", { class: "vgp-tools" }, copy, live ? null : link, data, reset, status),
      codePanel,
      tablePanel,
    ],
    /** @param {boolean} can the table would give away what is to be predicted */
    offerData: (can) => (data.hidden = !can),
    /** A control moved: what the panels say follows. */
    moved() {
      say(code, python(spec, bench.settings()));
      say(status, "");
    },
    /**
     * @param {Frame} frame
     * @param {string} words the setting
     */
    show(frame, words) {
      shown = { frame, words };
      fill();
    },
  };
}

/**
 * A button that opens and closes a panel.
 *
 * @param {string} name
 * @param {HTMLElement} panel
 * @param {() => void} toggled
 */
function opener(name, panel, toggled) {
  const button = h(
    "button",
    { type: "button", class: "vgp-tool", "aria-controls": panel.id },
    name,
  );
  button.setAttribute("aria-expanded", "false");
  button.addEventListener("click", () => {
    panel.hidden = !panel.hidden;
    button.setAttribute("aria-expanded", String(!panel.hidden));
    toggled();
  });
  return button;
}

/**
 * Put a text on the clipboard.
 *
 * @param {string} text
 * @returns {Promise<boolean>} false where the browser does not allow it
 */
async function write(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
