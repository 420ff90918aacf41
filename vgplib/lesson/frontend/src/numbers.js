// @ts-check
/** @import { Num } from "./types.js" */

const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/**
 * A number as JSON holds it, as a number.
 *
 * @param {Num} value
 */
export const number = (value) =>
  value === "inf" ? Infinity : value === "-inf" ? -Infinity : Number(value);

/**
 * A whole number as an exponent: -5 is "⁻⁵".
 *
 * @param {number} power
 */
export const superscript = (power) =>
  String(power)
    .replace(/\d/g, (d) => SUPERSCRIPTS[Number(d)])
    .replace("-", "⁻");

/**
 * A number as a reader likes it: "0.23", "14", "4.9 × 10⁻¹⁹", "0", "not finite".
 *
 * @param {number} value
 * @param {number} [digits] significant digits
 */
export function figures(value, digits = 2) {
  if (!Number.isFinite(value)) return "not finite";
  if (value === 0) return "0";
  const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
  const power = Number(exponent);
  const text =
    power >= -3 && power <= 4
      ? Number(`${mantissa}e${power}`).toFixed(Math.max(digits - 1 - power, 0))
      : `${mantissa} × 10${superscript(power)}`;
  return text.replace("-", "−");
}

const PLAIN = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/;
const POWER = /^([+-]?)(?:(\d+\.?\d*|\.\d+)\*)?10\^\(?([+-]?\d+)\)?$/;
// A thousand in one country, a one in the next: 1,000.
const TWO_READINGS = /(?<![\d.,])[1-9]\d{0,2},\d{3}(?!\d)/;

/**
 * The number that a reader typed: 0.001, 0,001, 1e-3, 10^-3, 1/1000, 0.1 %, 1.7 × 10⁻¹³.
 *
 * @param {string} text
 * @param {string} [unit] what the number counts; "%" where 50 % is 50, and not a half
 * @returns {number | null} null where it is none, or could be two
 */
export function parseNumber(text, unit = "") {
  if (TWO_READINGS.test(text)) return null;
  const written = text
    .trim()
    .toLowerCase()
    .replace(/10([⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)/g, (_, power) => `10^${power}`)
    .replace(/[⁰¹²³⁴⁵⁶⁷⁸⁹]/g, (d) => String(SUPERSCRIPTS.indexOf(d)))
    .replace(/[−–⁻]/g, "-")
    .replace("⁺", "+")
    .replace(/\*\*/g, "^")
    .replace(/[×·⋅x]/g, "*")
    .replace(/(\d)\s(?=\d{3}(?!\d))/g, "$1") // 1 000 000
    .replace(/\s*([^\d\s.,])\s*/g, "$1");
  const percent = written.endsWith("%");
  const parts = (percent ? written.slice(0, -1) : written).split("/").map(term);
  if (parts.length > 2 || parts.some(Number.isNaN)) return null;
  const [above, below = 1] = parts;
  const value = above / below / (percent && unit !== "%" ? 100 : 1);
  return Number.isFinite(value) ? value : null;
}

/**
 * @param {string} text a number without a fraction bar
 * @returns {number} NaN where it is none
 */
function term(text) {
  const plain = /^[^,.]*,[^,.]*$/.test(text) ? text.replace(",", ".") : text;
  if (PLAIN.test(plain)) return Number(plain);
  const parts = POWER.exec(plain);
  return parts ? Number(`${parts[1]}${parts[2] ?? 1}e${parts[3]}`) : NaN;
}

/**
 * What to say to a text that `parseNumber` does not take.
 *
 * @param {string} text
 * @param {string} [wanted] such as "a number above 0"
 */
export function numberHelp(text, wanted = "a number") {
  const two = TWO_READINGS.exec(text)?.[0];
  return two
    ? `${two} is ${two.replace(",", "")} to some and ${two.replace(",", ".")} to others: write one of these.`
    : `Write ${wanted}, such as 0.001, 1e-3 or 10^-3.`;
}

/**
 * Apart by no more than rounding.
 *
 * @param {number} a
 * @param {number} b
 */
export const same = (a, b) => Math.abs(a - b) <= 1e-9 * Math.max(Math.abs(a), Math.abs(b));
