// @ts-check
import { say } from "./dom.js";

const WAIT = "Make your guess above, and I'll show you what happened.";

/**
 * Open what is told after a guess when the bench before it shows, and close it when it asks again.
 * The reader can open it at any time.
 *
 * @param {HTMLDetailsElement} fold `details.vgp-after`
 */
export function upgradeAfter(fold) {
  const summary = fold.querySelector("summary");
  const benches = [...document.querySelectorAll('[data-vgp="bench"]')];
  const before = benches.filter(
    (bench) => bench.compareDocumentPosition(fold) & Node.DOCUMENT_POSITION_FOLLOWING,
  );
  const bench = before.at(-1);
  if (!summary || !bench) return;
  const told = summary.textContent ?? "";
  const root = bench.querySelector(".vgp-bench");
  const follow = () => {
    const open = !root?.classList.contains("vgp-predicting");
    fold.open = open;
    fold.classList.toggle("vgp-waiting", !open);
    say(summary, open ? told : WAIT);
  };
  follow();
  if (root) new MutationObserver(follow).observe(root, { attributeFilter: ["class"] });
}
