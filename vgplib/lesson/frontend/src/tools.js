// @ts-check
import { h, say } from "./dom.js";
import { fragment, python } from "./settings.js";
import { canPlay, play } from "./sound.js";
import { makeTable } from "./table.js";
/** @import { BenchSpec, Frame, Settings } from "./types.js" */

/**
 * The row of tools under a bench, with the panels that they open.
 *
 * @param {BenchSpec} spec
 * @param {boolean} live in a notebook, whose address belongs to somebody else
 * @param {{settings(): Settings, reset(): void, heights(): (number | null)[]}} bench  heights: of
 *   the points of the chart, in the order in which they are heard
 */
export function makeTools(spec, live, bench) {
  const status = h("span", { class: "vgp-said", role: "status" });
  const name = spec.number ? `Experiment ${spec.number}` : spec.title; // regions need own names
  const code = h("pre", { tabindex: 0, "aria-label": `Python, ${name}`, role: "region" });
  const codePanel = h("div", { class: "vgp-panel", id: `${spec.id}-code`, hidden: true }, code);
  const tablePanel = h("div", {
    class: "vgp-panel vgp-scroll",
    id: `${spec.id}-table`,
    hidden: true,
    tabindex: 0,
    role: "region",
    "aria-label": `Data table, ${name}`,
  });
  const linkPanel = h("div", { class: "vgp-panel vgp-links", id: `${spec.id}-link`, hidden: true });
  /** @type {{frame: Frame, words: string} | null} */
  let shown = null;

  const copy = opener("Copy as Python", codePanel, async () => {
    if (codePanel.hidden) return say(status, "");
    const done = await write(python(spec, bench.settings()));
    if (!done) getSelection()?.selectAllChildren(code);
    say(status, done ? "Copied." : "Selected: press Ctrl+C or ⌘C to copy.");
  });
  /** @param {boolean} ask */
  const share = async (ask) => {
    history.replaceState(history.state, "", fragment(spec, bench.settings(), ask));
    const done = await write(location.href);
    say(
      status,
      done ? "Link copied; the address bar has it too." : "The address bar has the link.",
    );
  };
  const link = spec.predict
    ? opener("Link to this setting", linkPanel, () => say(status, ""))
    : h("button", { type: "button", class: "vgp-tool", onclick: () => share(false) }, "Link to this setting");
  linkPanel.append(
    h("button", { type: "button", class: "vgp-toggle", onclick: () => share(false) }, "Copy a link that shows it"),
    h("button", { type: "button", class: "vgp-toggle", onclick: () => share(true) }, "Copy a link that asks first"),
  );
  /** @type {(() => void) | null} */
  let silence = null;
  const hear = h("button", { type: "button", class: "vgp-tool", hidden: !canPlay() }, "Hear it");
  hear.addEventListener("click", () => {
    if (silence) return silence();
    say(hear, "Stop");
    say(status, "The higher in the chart, the higher the tone.");
    silence = play(bench.heights(), () => {
      silence = null;
      say(hear, "Hear it");
      say(status, "");
    });
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
      h("div", { class: "vgp-tools" }, copy, live ? null : link, data, hear, reset, status),
      codePanel,
      linkPanel,
      tablePanel,
    ],
    /** @param {boolean} can table and tone would give away what is to be predicted */
    offerData(can) {
      data.hidden = !can;
      hear.hidden = !can || !canPlay();
      if (!can && data.getAttribute("aria-expanded") === "true") data.click();
    },
    stop: () => silence?.(),
    /** A control moved: what the panels say follows. */
    moved() {
      silence?.();
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
export async function write(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
