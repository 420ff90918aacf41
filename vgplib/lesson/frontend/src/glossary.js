// @ts-check

const LINKS = "a[href*='glossary.html#']";
const WAIT = 250; // ms: a pointer that passes by opens nothing, one on its way to the tip keeps it

/**
 * Show a term's definition while its link has the pointer or the keyboard's focus.
 *
 * The page holds the definitions (see links.py). Escape hides one, and the pointer may rest on
 * it, as WCAG 1.4.13 asks.
 */
export function explainTerms() {
  /** @type {HTMLElement | undefined} */
  let shown;
  /** @type {HTMLAnchorElement | undefined} */
  let shownFor;
  let timer = 0;

  /** @param {EventTarget | null} target */
  const linkAt = (target) =>
    target instanceof Element ? /** @type {HTMLAnchorElement | null} */ (target.closest(LINKS)) : null;

  const hide = () => {
    clearTimeout(timer);
    shown?.hidePopover();
    shown = shownFor = undefined;
  };

  /** @param {HTMLAnchorElement} link */
  const show = (link) => {
    const tip = document.getElementById(`term-${link.hash.slice(1)}`);
    clearTimeout(timer);
    if (link === shownFor) return;
    hide();
    if (!tip) return;
    link.setAttribute("aria-describedby", tip.id); // a link that a script wrote has none yet
    tip.showPopover();
    [shown, shownFor] = [tip, link];
    place(tip, link);
  };

  document.addEventListener("pointerover", ({ target, pointerType }) => {
    if (pointerType !== "mouse") return;
    const link = linkAt(target);
    const stays = shown?.contains(/** @type {Node} */ (target)) || shownFor?.matches(":focus-visible");
    clearTimeout(timer);
    if (link) timer = window.setTimeout(show, WAIT, link);
    else if (!stays) timer = window.setTimeout(hide, WAIT);
  });
  document.addEventListener("focusin", ({ target }) => {
    const link = linkAt(target);
    if (link?.matches(":focus-visible")) show(link);
  });
  document.addEventListener("focusout", ({ target }) => linkAt(target) && hide());
  document.addEventListener("keydown", ({ key }) => key === "Escape" && hide());
  const follow = () => shown && shownFor && place(shown, shownFor);
  for (const event of ["scroll", "resize"]) addEventListener(event, follow, { passive: true });
}

/**
 * Put a tip under the line that the link stands in, or above it where there is no room.
 *
 * @param {HTMLElement} tip
 * @param {HTMLAnchorElement} link
 */
function place(tip, link) {
  const line = link.getClientRects()[0];
  const { width, height } = tip.getBoundingClientRect();
  const below = line.bottom + 4;
  const left = Math.min(line.left, document.documentElement.clientWidth - width - 8);
  tip.style.left = `${Math.max(8, left)}px`;
  tip.style.top = `${below + height <= innerHeight ? below : Math.max(8, line.top - height - 4)}px`;
}
