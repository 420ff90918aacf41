// @ts-check
/**
 * The things in an order drawn by a seed: the same for all who have the same seed.
 *
 * @template T
 * @param {T[]} things
 * @param {string | null} seed any text; none leaves them as they are
 * @returns {T[]}
 */
export function drawn(things, seed) {
  if (!seed) return things;
  const next = generator(seed);
  const out = [...things];
  for (let k = out.length - 1; k > 0; k--) {
    const other = Math.floor(next() * (k + 1));
    [out[k], out[other]] = [out[other], out[k]];
  }
  return out;
}

/**
 * Numbers from 0 to 1 that look random (mulberry32, begun at a hash of the seed).
 *
 * @param {string} seed
 */
function generator(seed) {
  let state = 2166136261;
  for (const sign of seed) state = Math.imul(state ^ (sign.codePointAt(0) ?? 0), 16777619);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
