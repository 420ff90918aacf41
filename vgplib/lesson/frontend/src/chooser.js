// @ts-check
import { h, say } from "./dom.js";
import { guess, keepGuess } from "./progress.js";
import { link } from "./text.js";
import { write } from "./tools.js";
/** @import { Link, Model } from "./types.js" */

/**
 * @typedef {{name: string, ask: string, options: {value: string, label: string}[]}} Asked
 * @typedef {{label: string, why: string, changes: string, cost: string, settings: string,
 *   code: string, page: Link, shown?: Link}} Advice
 * @typedef {{id: string, given: Record<string, string> | null, networks: Asked,
 *   questions: Record<string, Asked[]>, answers: Record<string, string[]>,
 *   advice: Record<string, Advice>}} ChooserSpec  answers: by the values of all five, with bars
 *   between
 */

/**
 * Ask five questions, and show what answers them.
 *
 * @param {Model} model
 * @param {HTMLElement} el
 * @returns {() => void} takes it down again
 */
export function chooser(model, el) {
  const spec = /** @type {ChooserSpec} */ (model.get("spec"));
  /** @type {Record<string, string>} */
  let answers = spec.given ?? kept(spec);
  const asked = h("div", { class: "vgp-asking" });
  const status = h("p", { class: "vgp-voted", role: "status" });
  const found = h("ol", { class: "vgp-advice" });
  const again = h("button", { type: "button", class: "vgp-tool", onclick: reset }, "Start again");
  const tools = h("div", { class: "vgp-tools" }, again);
  const root = h(
    "div",
    { role: "region", class: "vgp-chooser", "aria-label": "The chooser" },
    asked,
    h("div", { class: "vgp-found" }, status, found),
    tools,
  );
  el.append(root);

  /** The questions after the first: they depend on its answer. */
  const rest = () => spec.questions[answers.network] ?? [];

  /** @param {Asked} question @param {number} k */
  function fields({ name, ask, options }, k) {
    return h(
      "fieldset",
      {},
      h("legend", {}, h("strong", {}, `${k + 1}. `), ask),
      h(
        "div",
        { class: "vgp-choices" },
        options.map(({ value, label }) =>
          h(
            "label",
            { class: "vgp-choice" },
            h("input", {
              type: "radio",
              name: `${spec.id}-${name}`,
              value,
              checked: answers[name] === value,
              onchange: () => take(name, value),
            }),
            h("span", {}, label),
          ),
        ),
      ),
    );
  }

  /** Ask what is to be asked; the first question stays where it is, and with it the focus. */
  function ask() {
    asked.replaceChildren(fields(spec.networks, 0), ...rest().map((one, k) => fields(one, k + 1)));
  }

  /** @param {string} name @param {string} value */
  function take(name, value) {
    answers = { ...answers, [name]: value };
    if (name === "network") {
      answers = { network: value };
      while (asked.children.length > 1) asked.lastElementChild?.remove();
      asked.append(...rest().map((one, k) => fields(one, k + 1)));
    }
    keepGuess("chooser", JSON.stringify(answers));
    tell();
  }

  function reset() {
    answers = {};
    keepGuess("chooser", null);
    ask();
    tell();
    asked.querySelector("input")?.focus();
  }

  function tell() {
    const open = rest().filter(({ name }) => !answers[name]).length;
    const all = ["network", ...rest().map(({ name }) => name)].map((name) => answers[name]);
    const names = spec.answers[all.join("|")] ?? [];
    const advice = names.map((name) => spec.advice[name]);
    found.replaceChildren(...advice.map(card));
    tools.hidden = !answers.network;
    if (advice.length) say(status, `${count(advice.length)}: ${advice.map((a) => a.label).join("; ")}.`);
    else say(status, answers.network ? `${open} more to answer.` : "");
  }

  ask();
  tell();
  return () => root.remove();
}

/** @param {number} n */
const count = (n) => (n === 1 ? "Do this" : `Try these ${n}, in this order`);

/**
 * The answers that the browser has kept; none where they are no answers to these questions.
 *
 * @param {ChooserSpec} spec
 * @returns {Record<string, string>}
 */
function kept(spec) {
  try {
    const found = JSON.parse(guess("chooser") ?? "{}");
    return found.network in spec.questions ? found : {};
  } catch {
    return {};
  }
}

/** @param {Advice} advice */
function card({ label, why, changes, cost, settings, code, page, shown }) {
  const status = h("span", { class: "vgp-said", role: "status" });
  const text = h("pre", { tabindex: 0, "aria-label": `Python: ${label}`, role: "region" }, code);
  const copy = async () => {
    const done = await write(code);
    if (!done) getSelection()?.selectAllChildren(text);
    say(status, done ? "Copied." : "Selected: press Ctrl+C or ⌘C to copy.");
  };
  const line = (/** @type {string} */ term, /** @type {Node | string} */ value) =>
    h("div", {}, h("dt", {}, term), h("dd", {}, value));
  return h(
    "li",
    {},
    h("p", { class: "vgp-title" }, label),
    h("p", {}, why),
    h(
      "dl",
      {},
      line("Changes", changes),
      line("Costs", cost),
      line("Start from", settings),
      shown ? line("Measured in", link(shown.href, shown.text)) : null,
      line("More", link(page.href, page.text)),
    ),
    h(
      "details",
      {},
      h("summary", {}, "The code"),
      text,
      h("button", { type: "button", class: "vgp-tool", onclick: copy }, "Copy"),
      status,
    ),
  );
}
