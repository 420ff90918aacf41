// @ts-check
import { h, say } from "./dom.js";

const START = "#ledger?"; // of an address that carries a filter: "#ledger?verdict=false&words=relu"

/** @typedef {{value: string, text: string}} Option */
/** @typedef {{line: HTMLTableRowElement, section: HTMLElement, words: string, is: Record<string, string>}} Claim */

/** Let the reader filter the ledger of claims, by what each line is and by its words. */
export function filterLedger() {
  const place = document.getElementById("ledger");
  const claims = [...document.querySelectorAll("article .vgp-ledger")].flatMap(read);
  if (!place || !claims.length) return;

  const menus = [
    menu("verdict", "Verdict", "all verdicts", claims),
    menu("source", "Said by", "all three", claims),
    menu("chapter", "About", "all chapters", claims),
  ];
  const words = h("input", { type: "search", id: "ledger-words", autocomplete: "off" });
  const all = h("button", { type: "button", class: "vgp-button", onclick: showAll }, "Show all");
  const told = h("p", { role: "status", class: "vgp-count" });
  place.append(
    h(
      "form",
      { class: "vgp vgp-filter", role: "search", "aria-label": "Claims" },
      menus.map(({ part }) => part),
      labelled("Words", words),
      h("div", { class: "vgp-shown" }, told, all),
    ),
  );
  const form = /** @type {HTMLFormElement} */ (place.lastElementChild);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => {
    keep();
    show();
  });
  addEventListener("hashchange", follow);
  follow();

  /** Put what is set into the address, so that it can be linked. */
  function keep() {
    const query = new URLSearchParams();
    for (const { name, select } of menus) if (select.value) query.set(name, select.value);
    if (words.value.trim()) query.set("words", words.value.trim());
    history.replaceState(null, "", String(query) ? START + query : "#ledger");
  }

  function show() {
    const wanted = spelled(words.value).split(/\s+/);
    for (const claim of claims) {
      const fits = menus.every(({ name, select }) => !select.value || claim.is[name] === select.value);
      claim.line.hidden = !fits || !wanted.every((word) => claim.words.includes(word));
    }
    for (const { section } of claims)
      section.hidden = claims.every((claim) => claim.section !== section || claim.line.hidden);
    const count = claims.filter(({ line }) => !line.hidden).length;
    say(told, `${count || "None"} of ${claims.length} claims`);
    all.hidden = count === claims.length;
  }

  function showAll() {
    form.reset();
    keep();
    show();
    words.focus(); // the button that was pressed is gone
  }

  /** Do as the address says: a filter, or a line that must not stay hidden. */
  function follow() {
    const line = claims.find(({ line }) => line.querySelector(":target"))?.line;
    if (location.hash.startsWith(START)) {
      const query = new URLSearchParams(location.hash.slice(START.length));
      for (const { name, select } of menus) select.value = query.get(name) ?? "";
      for (const { select } of menus) if (select.selectedIndex < 0) select.value = "";
      words.value = query.get("words") ?? "";
    } else if (line?.hidden) form.reset();
    show();
    if (line || location.hash.startsWith(START)) (line ?? place)?.scrollIntoView();
  }
}

/**
 * A text as it's compared: "Normalization" finds "normalisation".
 *
 * @param {string} text
 */
const spelled = (text) => text.toLowerCase().replaceAll("z", "s");

/**
 * The lines of one table.
 *
 * @param {Element} table
 * @returns {Claim[]}
 */
function read(table) {
  const section = /** @type {HTMLElement} */ (table.closest("section"));
  const chapter = section.querySelector("h2")?.firstChild?.textContent ?? "";
  return [...table.querySelectorAll("tbody tr")].map((line) => {
    const text = (/** @type {string} */ part) => line.querySelector(part)?.textContent ?? "";
    const is = { verdict: text("strong"), source: text("small"), chapter };
    const plain = spelled(`${line.textContent} ${chapter}`);
    const words = `${plain} ${plain.replace(/[\s-]/g, "")}`; // "batchnorm" finds "batch norm"
    return { line: /** @type {HTMLTableRowElement} */ (line), section, words, is };
  });
}

/**
 * @param {string} name
 * @param {string} label
 * @param {string} any what stands for no choice
 * @param {Claim[]} claims
 */
function menu(name, label, any, claims) {
  const values = [...new Set(claims.map(({ is }) => is[name]))];
  const select = h(
    "select",
    { id: `ledger-${name}` },
    h("option", { value: "" }, any),
    values.map((value) => h("option", { value }, value)),
  );
  return { name, select, part: labelled(label, select) };
}

/**
 * @param {string} label
 * @param {HTMLElement} control
 */
const labelled = (label, control) => h("div", {}, h("label", { for: control.id }, label), control);
