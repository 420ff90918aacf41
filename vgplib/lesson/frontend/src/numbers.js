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

const PLAIN = /^(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?/;
// A thousand in one country, a one in the next: 1,000.
const TWO_READINGS = /(?<![\d.,])[1-9]\d{0,2},\d{3}(?!\d)/;

/**
 * The number that a reader typed: 0.001, 0,001, 1e-3, 10^-3, 1/1000, 0.1 %, 1.7 × 10⁻¹³, sqrt(1/3).
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
    .replace(/√/g, "sqrt")
    .replace(/[×·⋅x]/g, "*")
    .replace(/(\d)\s(?=\d{3}(?!\d))/g, "$1") // 1 000 000
    .replace(/\s*([^\d\s.,])\s*/g, "$1");
  const percent = written.endsWith("%");
  const value = product(percent ? written.slice(0, -1) : written) / (percent && unit !== "%" ? 100 : 1);
  return Number.isFinite(value) ? value : null;
}

/**
 * A product of powers of numbers, roots and brackets, worked out: 2*10^-3, 1/sqrt(3), 6^(1/2).
 *
 * @param {string} text
 * @returns {number} NaN where it is none
 */
function product(text) {
  let rest = text;
  const takes = (/** @type {string} */ word) => {
    const found = rest.startsWith(word);
    if (found) rest = rest.slice(word.length);
    return found;
  };

  /** @returns {number} */
  function factors() {
    let value = power();
    for (;;) {
      if (takes("*")) value *= power();
      else if (takes("/")) value /= power();
      else return value;
    }
  }

  /** @returns {number} */
  function power() {
    if (takes("-")) return -power();
    if (takes("+")) return power();
    const base = atom();
    if (!takes("^")) return base;
    return base ** power();
  }

  /** @returns {number} */
  function atom() {
    if (takes("sqrt")) return Math.sqrt(atom());
    if (takes("(")) {
      const value = factors();
      return takes(")") ? value : NaN;
    }
    const written = rest.replace(/^(\d*),(?=\d)/, "$1."); // 0,001
    const digits = PLAIN.exec(written)?.[0] ?? "";
    rest = rest.slice(digits.length);
    return digits ? Number(digits) : NaN;
  }

  const value = factors();
  return rest ? NaN : value;
}

/**
 * What to say to a text that `parseNumber` does not take.
 *
 * @param {string} text
 * @param {string} [wanted] such as "a number above 0"
 * @param {boolean} [whole] whether the right answer is a whole number, which needs no example
 */
export function numberHelp(text, wanted = "a number", whole = false) {
  const two = TWO_READINGS.exec(text)?.[0];
  return two
    ? `${two} is ${two.replace(",", "")} to some and ${two.replace(",", ".")} to others: write one of these.`
    : `Write ${wanted}${whole ? "" : ", such as 0.001, 1e-3 or 10^-3"}.`;
}

/**
 * Apart by no more than rounding.
 *
 * @param {number} a
 * @param {number} b
 */
export const same = (a, b) => Math.abs(a - b) <= 1e-9 * Math.max(Math.abs(a), Math.abs(b));
