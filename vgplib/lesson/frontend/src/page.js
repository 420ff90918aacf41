// @ts-check
import { h } from "./dom.js";
import { british } from "./finder.js";

/** Give the parts that every chapter has their look: Markdown cannot name them. */
export function markParts() {
  for (const line of document.querySelectorAll("article h1 ~ p"))
    if (/^\s*\d+ min · /.test(line.textContent ?? "")) line.classList.add("vgp-meta");
  for (const list of document.querySelectorAll("article .vgp-meta + p + ul")) {
    const box = h("div", { class: "vgp-objectives" });
    list.before(box);
    box.append(/** @type {Element} */ (box.previousElementSibling), list);
  }
}

/**
 * Let a table or a formula that is wider than the page scroll by itself, by keyboard too; its edge
 * fades where there is more, and above a table it says so.
 */
export function boxWide() {
  // A frame later: what it says above a table makes that higher, and within the same frame this is
  // an error of the page.
  const fits = new ResizeObserver((entries) =>
    requestAnimationFrame(() => {
      for (const { target } of entries) fit(/** @type {HTMLElement} */ (target));
    }),
  );
  for (const table of document.querySelectorAll("article table:is(.dataframe, .table)")) {
    for (const th of table.querySelectorAll("th:empty")) th.replaceWith(h("td")); // heads nothing
    const heads = [...table.querySelectorAll("thead th")].map((th) => th.textContent);
    const label = `Table: ${heads.join(", ")}`;
    const box = h("div", { class: "vgp-wide", role: "group", "aria-label": label });
    const old = table.closest(".pst-scrollable-table-container") ?? table;
    old.replaceWith(box);
    box.append(table);
  }
  for (const box of document.querySelectorAll("article :is(.vgp-wide, div.math)")) {
    fits.observe(box);
    box.addEventListener("scroll", () => fit(/** @type {HTMLElement} */ (box)), { passive: true });
  }
}

/** @param {HTMLElement} box */
function fit(box) {
  const over = box.scrollWidth - box.clientWidth;
  box.tabIndex = over > 0 ? 0 : -1;
  box.classList.toggle("vgp-over", over > 1); // a pixel is rounding
  box.classList.toggle("vgp-cut", over - box.scrollLeft > 1);
}

/**
 * Let Sphinx's search find both spellings, and let its excerpts begin where a page's text does.
 * Opened as a file, a page may not read other pages: then it shows titles, and no excerpts.
 */
export function mendSearch() {
  if (location.protocol === "file:" && typeof DOCUMENTATION_OPTIONS !== "undefined")
    DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
  if (typeof Search === "undefined") return;
  const { performSearch, htmlToText } = Search;
  Search.performSearch = (query) => performSearch(british(query));
  Search.htmlToText = (html, anchor) => {
    const [article] = /<article class="bd-article">[^]*<\/article>/.exec(html) ?? [html];
    const tips = /<div class="vgp-term"[^]*?<\/div>/g;
    return htmlToText(`<div role="main">${article.replace(tips, "")}</div>`, anchor);
  };
}

/** The theme takes the focus from its buttons when they are pressed; by keyboard one is lost then. */
export function keepFocus() {
  document.addEventListener("click", ({ target }) => {
    const button = target instanceof Element && target.closest(".bd-header-article button");
    if (button instanceof HTMLElement) button.focus();
  });
}
