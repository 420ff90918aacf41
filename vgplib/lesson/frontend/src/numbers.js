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

/**
 * The number that a reader typed: 0.001, 1e-3, 10^-3, 1.7*10^-13, 1.7 × 10⁻¹³.
 *
 * @param {string} text
 * @returns {number | null} null where it is none
 */
export function parseNumber(text) {
  const plain = text
    .toLowerCase()
    .replace(/\s/g, "")
    .replace(/10([⁺⁻]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)/g, (_, power) => `10^${power}`)
    .replace(/[⁰¹²³⁴⁵⁶⁷⁸⁹]/g, (d) => String(SUPERSCRIPTS.indexOf(d)))
    .replace(/[−–⁻]/g, "-")
    .replace("⁺", "+")
    .replace(/\*\*/g, "^")
    .replace(/[×·⋅]/g, "*");
  if (PLAIN.test(plain)) return Number(plain);
  const parts = POWER.exec(plain);
  return parts ? Number(`${parts[1]}${parts[2] ?? 1}e${parts[3]}`) : null;
}

/**
 * Apart by no more than rounding.
 *
 * @param {number} a
 * @param {number} b
 */
export const same = (a, b) => Math.abs(a - b) <= 1e-9 * Math.max(Math.abs(a), Math.abs(b));
