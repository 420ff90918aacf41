// @ts-check
import { h } from "./dom.js";
import { prose } from "./text.js";
/** @import { Room } from "./types.js" */

const KEY = "vgp-instructor";

const VIEWS = ["instructor", "hands"];

/**
 * What a teacher's tab shows besides the page: "instructor" is notes, and hands to count; "hands"
 * is for the tab that is projected. An address asks for it with `?instructor` or `?hands`, and the
 * pages that follow in this tab keep it. Other tabs show nothing of it.
 */
function view() {
  const query = new URLSearchParams(location.search);
  const asked = VIEWS.find((view) => query.has(view));
  try {
    if (asked) sessionStorage.setItem(KEY, asked);
    return sessionStorage.getItem(KEY);
  } catch {
    return asked ?? null; // nothing can be kept: each page has to be asked
  }
}

/** Whether the notes for an instructor are shown. */
export const instructs = () => view() === "instructor";

/** Whether a show of hands is offered below each question. */
export const countsHands = () => view() !== null;

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

/** Say at the top of the page what it shows to a teacher, and offer to put it away. */
export function offerToLeave() {
  const title = document.querySelector("article h1");
  if (!title || !countsHands()) return;
  const count = document.querySelectorAll(".vgp-room").length;
  const where = count
    ? `Below each question (${count} here) is a note for you. It gives the answer away`
    : "In the chapters, a note for you is below each question. It gives the answer away";
  const project = h("a", { href: "?hands", target: "_blank", rel: "noopener" }, "one that counts hands");
  const [name, words, away] = instructs()
    ? ["Instructor’s view", [`${where}, so project another tab: `, project, "."], "Put the notes away"]
    : ["Show of hands", ["Below each question of a chapter you can count what the room says."], "Put it away"];
  const bar = h(
    "aside",
    { class: "vgp vgp-instructs", "aria-label": name },
    h("p", {}, h("strong", {}, `${name}. `), ...words),
    h("button", { type: "button", class: "vgp-button", onclick: leave }, away),
  );
  title.after(bar);

  function leave() {
    try {
      sessionStorage.removeItem(KEY);
    } catch {
      // there is nothing to forget
    }
    const query = new URLSearchParams(location.search);
    for (const view of VIEWS) query.delete(view);
    const rest = query.size ? `?${query}` : "";
    history.replaceState(history.state, "", location.pathname + rest + location.hash);
    for (const part of [bar, ...document.querySelectorAll(".vgp-room, .vgp-hands")]) part.remove();
    if (title instanceof HTMLElement) {
      title.tabIndex = -1;
      title.focus(); // the button that was pressed is gone
    }
  }
}
