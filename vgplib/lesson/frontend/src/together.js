// @ts-check
import { looks } from "./styles.js";
import { equal, frameIndex, show } from "./settings.js";
/** @import { Choice, Control, Frame, Model, Row, Series, Settings } from "./types.js" */

/**
 * The choice of which a bench shows several options at once, if it has one.
 *
 * @param {Control[]} controls
 * @returns {Choice | undefined}
 */
export const compared = (controls) =>
  /** @type {Choice | undefined} */ (controls.find((one) => one.kind === "choice" && one.most));

/**
 * The rows of a frame: one for each option that it shows, or the frame alone.
 *
 * @param {Frame} frame
 * @returns {Row[]}
 */
export const rowsOf = (frame) => frame.rows ?? [frame];

/**
 * The frames of a bench, one a setting; of several options they are put together.
 *
 * @param {Control[]} controls
 * @param {Model} model
 */
export function makeFrames(controls, model) {
  const control = compared(controls);
  /** @type {Map<string, number>} of the chosen options: which look each one has */
  let seats = new Map();

  /** @param {Settings} settings @returns {Frame | null} */
  function fromTable(settings) {
    const frames = model.get("frames");
    if (!control) return frames[frameIndex(controls, settings)] ?? null;
    const chosen = /** @type {string[]} */ (settings[control.name]);
    const found = chosen.map(
      (one) => frames[frameIndex(controls, { ...settings, [control.name]: one })],
    );
    return found.every(Boolean) ? together(found, chosen.map((one) => show(control, one))) : null;
  }

  return {
    seats: () => seats,
    /**
     * The frame of a setting, if there is one yet.
     *
     * @param {Settings} settings
     * @returns {Frame | null}
     */
    find(settings) {
      const found =
        fromTable(settings) ?? (equal(model.get("answers"), settings) ? model.get("frame") : null);
      if (!control || !found) return found;
      seats = seated(/** @type {string[]} */ (settings[control.name]), seats);
      const places = [...seats.values()];
      const series = /** @type {Series[]} */ (found.series);
      return { ...found, series: series.map((one, k) => ({ ...one, seat: places[k] })) };
    },
  };
}

/**
 * The frames of several options as one, on the axes of the first: as vgplib/lesson/several.py.
 *
 * @param {Frame[]} frames
 * @param {string[]} names
 * @returns {Frame}
 */
const together = (frames, names) => ({
  ...frames[0],
  series: frames.map((frame, k) => ({
    ...(frame.series.find((one) => one.role !== "theory") ?? frame.series[0]),
    name: names[k],
    role: "main",
  })),
  rows: frames.map(({ readouts, strip, film }, k) => ({ name: names[k], readouts, strip, film })),
  summary: frames.map((frame, k) => `${names[k]}: ${frame.summary}`).join(" "),
});

/**
 * A look for each chosen option. It keeps the one it had: what is taken away changes no other.
 *
 * @param {string[]} chosen
 * @param {Map<string, number>} before
 */
function seated(chosen, before) {
  const kept = chosen.map((one) => before.get(one));
  const free = looks.map((_, n) => n).filter((n) => !kept.includes(n));
  return new Map(chosen.map((one, k) => [one, kept[k] ?? /** @type {number} */ (free.shift())]));
}
