// @ts-check
import { h } from "./dom.js";

const script = document.currentScript;
const HERE = script instanceof HTMLScriptElement ? script.src : "";

/** Whether the address asks for the chapter as slides. */
const presents = () => new URLSearchParams(location.search).has("present");

/**
 * What makes slides of a page. It is loaded by those who present alone: a page is light without it.
 *
 * @returns {Promise<typeof vgpSlides | null>} null where the page is to be read
 */
export async function loadSlides() {
  if (!presents()) return null;
  try {
    await Promise.all([
      loaded(h("link", { rel: "stylesheet", href: new URL("slides.css", HERE) })),
      loaded(h("script", { src: new URL("slides.js", HERE) })),
    ]);
    return vgpSlides;
  } catch {
    console.error("vgp: the slides cannot be loaded, so this stays a page to read.");
    return null;
  }
}

/** @param {HTMLElement} part */
const loaded = (part) =>
  new Promise((resolve, reject) => {
    part.addEventListener("load", resolve);
    part.addEventListener("error", reject);
    document.head.append(part);
  });
