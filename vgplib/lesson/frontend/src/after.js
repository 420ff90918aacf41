// @ts-check
/**
 * Open what is told after a guess when the bench before it shows, and close it when it asks again.
 * The reader can open it at any time.
 *
 * @param {HTMLDetailsElement} fold `details.vgp-after`
 */
export function upgradeAfter(fold) {
  const benches = [...document.querySelectorAll('[data-vgp="bench"]')];
  const before = benches.filter(
    (bench) => bench.compareDocumentPosition(fold) & Node.DOCUMENT_POSITION_FOLLOWING,
  );
  const bench = before.at(-1);
  if (!bench) return;
  const root = bench.querySelector(".vgp-bench");
  const follow = () => void (fold.open = !root?.classList.contains("vgp-predicting"));
  follow();
  if (root) new MutationObserver(follow).observe(root, { attributeFilter: ["class"] });
}
