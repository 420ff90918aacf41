// @ts-check
import { upgradeAfter } from "./after.js";
import { upgradeBallot } from "./ballot.js";
import { upgradeClaim } from "./claim.js";
import { h } from "./dom.js";
import { findPlaces } from "./finder.js";
import { explainTerms } from "./glossary.js";
import { filterLedger } from "./ledger.js";
import { offerListening } from "./listen.js";
import { pageModel } from "./model.js";
import { boxWide, keepFocus, markParts, mendSearch } from "./page.js";
import { loadSlides } from "./present.js";
import { standApart } from "./progress.js";
import { render } from "./render.js";
import { offerToLeave } from "./room.js";
import { offerSelfTest } from "./selftest.js";
import { followReading, showProgress } from "./sidebar.js";
import { sortTables } from "./sort.js";

/** Put a bench, a quiz or a clinic in place of every picture that can be one. */
function mount() {
  for (const place of document.querySelectorAll("[data-vgp]:not(.vgp-on)")) {
    const script = place.querySelector("script.vgp-state");
    const el = h("div", { class: "vgp-mount" });
    place.append(el);
    place.classList.add("vgp-on"); // first: the chart asks how wide its place is
    try {
      render({ model: pageModel(JSON.parse(script?.textContent ?? "")), el });
    } catch (error) {
      // The picture stays, and with it its description and its table.
      place.classList.remove("vgp-on");
      el.remove();
      console.error(`vgp: ${place.id} stays a picture:`, error);
    }
  }
}

async function start() {
  const slides = await loadSlides();
  if (slides) {
    standApart();
    slides.make();
  }
  mount();
  for (const fold of document.querySelectorAll("details.vgp-claim"))
    upgradeClaim(/** @type {HTMLElement} */ (fold));
  for (const place of document.querySelectorAll("div.vgp-ballot"))
    upgradeBallot(/** @type {HTMLElement} */ (place));
  for (const fold of document.querySelectorAll("details.vgp-after"))
    upgradeAfter(/** @type {HTMLDetailsElement} */ (fold));
  markParts();
  boxWide();
  sortTables();
  if (slides) return slides.show();
  offerSelfTest();
  offerListening();
  filterLedger();
  mendSearch();
  findPlaces();
  keepFocus();
  explainTerms();
  showProgress();
  followReading();
  offerToLeave();
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", start);
else start();
