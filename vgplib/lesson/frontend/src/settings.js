// @ts-check
import { same } from "./numbers.js";
import { plain } from "./text.js";
/** @import { BenchSpec, Control, Settings, Slider, Value } from "./types.js" */

/**
 * The values that a control can take, in order; a slider's handle moves along them.
 *
 * @param {Control} control
 * @param {boolean} live between the grid's values too, by the control's step
 * @returns {Value[]}
 */
export function positions(control, live) {
  if (control.kind === "choice") return control.options.map((option) => option.value);
  return live ? between(control) : control.values;
}

/** @param {Slider} slider */
function between({ values, step, log }) {
  const low = values[0];
  const high = values[values.length - 1];
  const count = log ? 100 : Math.floor((high - low) / step + 1e-9);
  // On a log control a step larger than the smallest value would skip most of the range.
  const digits = (/** @type {number} */ v) =>
    low >= step ? Math.round(v / step) * step : Number(v.toPrecision(2));
  const extra = Array.from({ length: count }, (_, k) =>
    log ? digits(low * (high / low) ** (k / count)) : low + k * step,
  ).map((v) => Number(v.toPrecision(12)));
  const inside = extra.filter((v) => v > low && v < high && !values.some((g) => same(g, v)));
  return [...new Set([...values, ...inside])].sort((a, b) => a - b);
}

/**
 * The place of the value nearest to `value`; -1 for a name that is no option.
 *
 * @param {Value[]} values
 * @param {Value} value
 */
export function nearest(values, value) {
  const [low, high] = [values[0], values[values.length - 1]];
  if (typeof low !== "number") return values.indexOf(value);
  const inside = Math.min(Number(high), Math.max(low, Number(value))); // the nearest to infinity
  const distances = values.map((v) => Math.abs(Number(v) - inside));
  return distances.indexOf(Math.min(...distances));
}

/**
 * Where the setting's frame stands in the table of frames; -1 where it has none.
 *
 * @param {Control[]} controls
 * @param {Settings} settings
 */
export function frameIndex(controls, settings) {
  let index = 0;
  for (const control of controls) {
    const values = positions(control, false);
    const at = values.findIndex((v) =>
      typeof v === "number"
        ? same(v, Number(settings[control.name]))
        : v === settings[control.name],
    );
    if (at < 0) return -1;
    index = index * values.length + at;
  }
  return index;
}

/**
 * The setting of the grid that is nearest.
 *
 * @param {Control[]} controls
 * @param {Settings} settings
 */
export function snap(controls, settings) {
  return Object.fromEntries(
    controls.map((control) => {
      const values = positions(control, false);
      const value = settings[control.name];
      if (Array.isArray(value)) return [control.name, value];
      return [control.name, values[Math.max(0, nearest(values, value))]];
    }),
  );
}

/**
 * A value with its unit, as the reader sees it.
 *
 * @param {Control} control
 * @param {Value} value
 * @returns {string}
 */
export function show(control, value) {
  if (Array.isArray(value)) return value.map((one) => show(control, one)).join(" and ");
  if (control.kind === "choice")
    return control.options.find((option) => option.value === value)?.label ?? String(value);
  const at = control.values.findIndex((v) => same(v, Number(value)));
  if (at >= 0) return control.labels[at];
  const text = control.whole
    ? Number(value).toFixed(0)
    : String(Number(Number(value).toPrecision(3)));
  const unit = Number(value) === 1 ? control.unit.replace(/s$/, "") : control.unit;
  return `${text} ${unit}`.trim();
}

/**
 * A control's value in words, with its name where the value alone would not tell: "30 layers",
 * "Weight scale 1.5".
 *
 * @param {Control} control
 * @param {Value} value
 */
export function brief(control, value) {
  const text = show(control, value);
  return control.kind === "slider" && !control.unit ? `${plain(control.label)} ${text}` : text;
}

/**
 * A setting in words: "tanh, 30 layers, Weight scale 1.5".
 *
 * @param {Control[]} controls
 * @param {Settings} settings
 */
export const describe = (controls, settings) =>
  controls.map((control) => brief(control, settings[control.name])).join(", ");

/**
 * The cell that shows exactly this setting.
 *
 * @param {BenchSpec} spec
 * @param {Settings} settings
 */
export function python(spec, settings) {
  const fixed = Object.entries(spec.fixed).map(([name, value]) => `${name}=${literal(value)}`);
  const set = spec.controls.map((control) => {
    const text = literal(settings[control.name]);
    const real = control.kind === "slider" && !control.whole && /^-?\d+$/.test(text);
    return `${control.name}=${real ? `${text}.0` : text}`;
  });
  const name = JSON.stringify(spec.experiment);
  const several = spec.controls.find((control) => Array.isArray(settings[control.name]))?.name;
  if (!several) {
    const list = [name, ...fixed, ...set].join(", ");
    return `import vgplib as vgp\n\ndata = vgp.run(${list})\nvgp.bench(${list})`;
  }
  const others = [...fixed, ...set.filter((text) => !text.startsWith(`${several}=`))];
  const run = [name, `${several}=one`, ...others].join(", ");
  const shown = [name, `compare="${several}"`, `${several}=${several}`, ...others].join(", ");
  return (
    `import vgplib as vgp\n\n${several} = ${literal(settings[several])}\n` +
    `data = {one: vgp.run(${run}) for one in ${several}}\nvgp.bench(${shown})`
  );
}

/** @param {Value} value @returns {string} */
function literal(value) {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  return JSON.stringify(value);
}

/**
 * The part of an address that carries a setting: "#error-signal?activation=tanh&depth=30".
 *
 * @param {BenchSpec} spec
 * @param {Settings} settings
 * @param {boolean} [ask] whether the bench asks its question first
 */
export function fragment(spec, settings, ask = false) {
  const pairs = spec.controls.map(({ name }) => [name, String(settings[name])]);
  const query = String(new URLSearchParams(pairs)).replaceAll("%2C", ","); // between options
  return `#${encodeURIComponent(spec.id)}?${query}${ask ? "&ask" : ""}`;
}

/**
 * The setting that an address carries for this bench; null where it carries none.
 *
 * @param {string} hash
 * @param {BenchSpec} spec
 * @param {Settings} settings what stands where the address says nothing usable
 * @returns {{settings: Settings, ask: boolean} | null}
 */
export function fromFragment(hash, spec, settings) {
  const start = `#${encodeURIComponent(spec.id)}?`;
  if (!hash.startsWith(start)) return null;
  const query = new URLSearchParams(hash.slice(start.length));
  const out = { ...settings };
  for (const control of spec.controls) {
    const text = query.get(control.name);
    if (!text) continue;
    const values = positions(control, false);
    if (control.kind === "choice" && control.most) {
      const known = [...new Set(text.split(","))].filter((one) => values.includes(one));
      if (known.length) out[control.name] = known.slice(0, control.most);
      continue;
    }
    const at = control.kind === "choice" ? values.indexOf(text) : nearest(values, Number(text));
    if (at >= 0) out[control.name] = values[at];
  }
  return { settings: out, ask: query.has("ask") };
}

/**
 * Whether two settings are the same.
 *
 * @param {Settings | null} a
 * @param {Settings} b
 */
export const equal = (a, b) =>
  a !== null && Object.keys(b).every((name) => String(a[name]) === String(b[name]));
