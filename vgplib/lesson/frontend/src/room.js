// @ts-check
import { h } from "./dom.js";
import { prose } from "./text.js";
/** @import { Room } from "./types.js" */

const KEY = "vgp-instructor";

/**
 * Whether the notes for an instructor are shown: an address asks for them with `?instructor`, and
 * the pages that follow in this tab keep them. Another tab, the one that is projected, has none.
 */
export function instructs() {
  const asked = new URLSearchParams(location.search).has("instructor");
  try {
    if (asked) sessionStorage.setItem(KEY, "on");
    return sessionStorage.getItem(KEY) !== null;
  } catch {
    return asked; // nothing can be kept: each page has to be asked
  }
}

/**
 * The note to a bench's prediction.
 *
 * @param {Room} room
 */
export function roomNote({ expect, ask }) {
  return h(
    "details",
    { class: "vgp-room", open: true },
    h("summary", {}, "For the instructor"),
    h("p", {}, h("strong", {}, "They’ll say. "), ...prose(expect)),
    h("p", {}, h("strong", {}, "Let neighbours argue. "), ...prose(ask)),
  );
}

/** Say at the top of the page that it shows notes, and offer to put them away. */
export function offerToLeave() {
  const title = document.querySelector("article h1");
  if (!title || !instructs()) return;
  const count = document.querySelectorAll(".vgp-room").length;
  const where = count
    ? `Below each question (${count} here) is a note for you. It gives the answer away`
    : "In the chapters, a note for you is below each question. It gives the answer away";
  const bar = h(
    "aside",
    { class: "vgp vgp-instructs", "aria-label": "Instructor’s view" },
    h("p", {}, h("strong", {}, "Instructor’s view. "), `${where}, so project another tab.`),
    h("button", { type: "button", class: "vgp-button", onclick: leave }, "Put the notes away"),
  );
  title.after(bar);

  function leave() {
    try {
      sessionStorage.removeItem(KEY);
    } catch {
      // there is nothing to forget
    }
    const query = new URLSearchParams(location.search);
    query.delete("instructor");
    const rest = query.size ? `?${query}` : "";
    history.replaceState(history.state, "", location.pathname + rest + location.hash);
    for (const part of [bar, ...document.querySelectorAll(".vgp-room")]) part.remove();
    if (title instanceof HTMLElement) {
      title.tabIndex = -1;
      title.focus(); // the button that was pressed is gone
    }
  }
}
