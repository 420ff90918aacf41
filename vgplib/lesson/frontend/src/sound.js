// @ts-check

const LONGEST = 3; // seconds
const NOTE = 0.15; // seconds that a point lasts, where there are few
const LOW = 110; // hertz at the foot of the chart, two octaves per half
const OCTAVES = 4;

/** Whether this browser can play anything. */
export const canPlay = () => "AudioContext" in globalThis;

/**
 * Play a profile as a tone: the higher in the chart, the higher in pitch; silent where a value
 * is exactly 0 or not finite.
 *
 * @param {(number | null)[]} heights 0 at the foot of the chart, 1 at its top; null is silence
 * @param {() => void} ended called once, whether it was stopped or came to its end
 * @returns {() => void} stops it
 */
export function play(heights, ended) {
  const context = new AudioContext();
  const tone = context.createOscillator();
  const volume = context.createGain();
  const note = Math.min(NOTE, LONGEST / heights.length);
  const start = context.currentTime + 0.05;
  const loud = (/** @type {number | null} */ height) => (height === null ? 0.0001 : 0.15);
  const pitch = (/** @type {number | null} */ height) =>
    LOW * 2 ** (OCTAVES * Math.min(1, Math.max(0, height ?? 0)));
  volume.gain.setValueAtTime(0.0001, start);
  tone.frequency.setValueAtTime(pitch(heights[0]), start);
  heights.forEach((height, k) => {
    tone.frequency.exponentialRampToValueAtTime(pitch(height), start + (k + 1) * note);
    volume.gain.exponentialRampToValueAtTime(loud(height), start + (k + 1) * note);
  });
  const end = start + heights.length * note + 0.3;
  volume.gain.exponentialRampToValueAtTime(0.0001, end);
  tone.connect(volume).connect(context.destination);
  tone.onended = () => {
    context.close();
    ended();
  };
  tone.start(start);
  tone.stop(end);
  return () => tone.stop();
}
