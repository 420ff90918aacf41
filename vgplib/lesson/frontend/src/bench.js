// @ts-check
import { draw } from "./chart.js";
import { makeCompare, makeControls } from "./controls.js";
import { h, say } from "./dom.js";
import { showLegend } from "./legend.js";
import { makePredict } from "./predict.js";
import { makeReadouts } from "./readouts.js";
import { describe, frameIndex, fromFragment, snap } from "./settings.js";
import { prose } from "./text.js";
import { makeTools } from "./tools.js";
/** @import { BenchSpec, Frame, Model, Settings, Status, Value } from "./types.js" */

const PAUSE = 150; // milliseconds without a move before PyTorch is asked

/**
 * Show a bench.
 *
 * @param {Model} model
 * @param {HTMLElement} el
 * @returns {() => void} takes it down again
 */
export function bench(model, el) {
  const spec = /** @type {BenchSpec} */ (model.get("spec"));
  const live = Boolean(model.get("live"));
  /** @type {Settings} */
  let settings = live ? model.get("settings") : snap(spec.controls, model.get("settings"));
  /** @type {Frame | null} what is drawn; while PyTorch computes, the frame before */
  let shown = null;
  /** @type {{frame: Frame, words: string} | null} */
  let kept = null;
  let theory = true;
  let asking = false;
  let timer = 0;
  // Of the chart, in pixels; asking the page at each move would cost a layout.
  let width = 0;
  let height = 0;

  const words = () => describe(spec.controls, settings);
  const controls = makeControls(spec, live, (name, value) => move({ ...settings, [name]: value }));
  const compare = makeCompare(spec, {
    theory: (on) => ((theory = on), paint()),
    keep: (on) => (
      (kept = on && shown ? { frame: shown, words: setting.textContent ?? "" } : null),
      paint()
    ),
  });
  const tools = makeTools(spec, live, { settings: () => settings, reset });
  const readouts = makeReadouts();
  const picture = h("div", { class: "vgp-picture" });
  const legend = h("ul", { class: "vgp-legend" });
  const busy = h("p", { class: "vgp-busy", role: "status" });
  const problem = h("p", { class: "vgp-problem", role: "alert" });
  const setting = h("p", { class: "vgp-setting" });
  const chart = h("div", { class: "vgp-chart vgp-secret" }, legend, picture);
  const figures = h("div", { class: "vgp-figures vgp-secret" }, readouts.element);
  const column = h("div", { class: "vgp-controls" }, controls.elements, compare.element);
  const predict = spec.predict && makePredict(spec, spec.predict, () => shown, reveal);
  const root = h(
    "section",
    {
      class: spec.controls.length ? "vgp-bench" : "vgp-bench vgp-alone",
      "aria-labelledby": `${spec.id}-title`,
    },
    h(
      "header",
      { class: "vgp-head" },
      h(
        "p",
        { class: "vgp-title", id: `${spec.id}-title` },
        spec.number ? `Experiment ${spec.number} · ${spec.title}` : spec.title,
      ),
      h("p", { class: "vgp-source" }, spec.source),
    ),
    setting,
    h(
      "div",
      { class: "vgp-body" },
      column,
      h("div", { class: "vgp-stage" }, chart, hint(), busy, problem),
    ),
    predict && predict.element,
    figures,
    spec.caption.length ? h("p", { class: "vgp-caption" }, ...prose(spec.caption)) : null,
    tools.elements,
  );
  if (predict) hide();
  el.append(root);

  /** @param {Settings} next what the reader chose */
  function move(next) {
    settings = next;
    clearTimeout(timer);
    const save = () => {
      model.set("settings", settings);
      model.save_changes();
    };
    asking = !find();
    if (asking) timer = setTimeout(save, PAUSE);
    else save();
    update();
  }

  /**
   * The frame of the present setting, if there is one yet.
   *
   * @returns {Frame | null}
   */
  function find() {
    const frame = model.get("frames")[frameIndex(spec.controls, settings)];
    return frame ?? (equal(model.get("answers"), settings) ? model.get("frame") : null);
  }

  function update() {
    const frame = find();
    const status = /** @type {Status} */ (model.get("status"));
    const failed = !frame && !asking && status.state === "error";
    const waiting = !frame && !failed;
    controls.show(settings);
    tools.moved();
    say(busy, waiting ? "PyTorch is computing…" : "");
    say(problem, failed ? status.message : "");
    root.setAttribute("aria-busy", String(waiting));
    if (!frame) return;
    shown = frame;
    compare.offerTheory(frame.series.find((s) => s.role === "theory")?.name);
    readouts.show(frame);
    tools.show(frame, words());
    say(setting, words());
    paint();
  }

  function paint() {
    if (!shown || !width) return;
    const label = `${spec.title}, ${setting.textContent}. ${shown.summary}`;
    const svg = draw(shown, { width, height, theory, ghost: kept && kept.frame, label });
    picture.replaceChildren(svg);
    showLegend(legend, shown, theory, kept && kept.words);
  }

  function hide() {
    root.classList.add("vgp-predicting");
    for (const part of [chart, figures]) part.setAttribute("aria-hidden", "true");
    column.inert = true; // a control whose effect nobody can see would seem broken
    tools.offerData(false);
  }

  function reveal() {
    root.classList.remove("vgp-predicting");
    for (const part of [chart, figures]) part.removeAttribute("aria-hidden");
    column.inert = false;
    tools.offerData(true);
    el.dispatchEvent(new Event("vgp-reveal", { bubbles: true }));
  }

  function reset() {
    kept = null;
    theory = true;
    compare.reset();
    if (fromFragment(location.hash, spec, settings) && !live)
      history.replaceState(history.state, "", location.pathname + location.search);
    move(live ? { ...spec.initial } : snap(spec.controls, spec.initial));
  }

  function restore() {
    const linked = fromFragment(location.hash, spec, settings);
    if (!linked) return;
    predict?.dismiss();
    reveal();
    move(linked);
    el.scrollIntoView({ block: "start" });
  }

  const follow = () => {
    if (equal(model.get("settings"), settings)) return;
    settings = { ...model.get("settings") };
    asking = false;
    clearTimeout(timer);
    update();
  };
  const heard = () => {
    asking &&= model.get("status").state === "busy";
    update();
  };
  /** @type {[string, () => void][]} */
  const ears = [
    ["change:settings", follow],
    ["change:frame", update],
    ["change:frames", update],
    ["change:answers", update],
    ["change:status", heard],
  ];
  for (const [event, ear] of ears) model.on(event, ear);
  if (!live) addEventListener("hashchange", restore);
  const fit = () => {
    const before = [width, height];
    width = picture.clientWidth;
    const beside = column.getBoundingClientRect().right <= picture.getBoundingClientRect().left;
    height = beside ? column.clientHeight - legend.offsetHeight - 12 : 0;
    return width !== before[0] || height !== before[1];
  };
  const observer = new ResizeObserver(() => {
    if (fit()) paint();
  });
  for (const part of [picture, column, legend]) observer.observe(part);
  fit();
  update();
  if (!live) restore();
  else if (!model.get("frames").length) model.send("table");

  return () => {
    for (const [event, ear] of ears) model.off(event, ear);
    removeEventListener("hashchange", restore);
    observer.disconnect();
    clearTimeout(timer);
    root.remove();
  };
}

const hint = () =>
  h(
    "p",
    { class: "vgp-hint", "aria-hidden": "true" },
    "Predict first. The chart shows when you have answered.",
  );

/**
 * Whether two settings are the same.
 *
 * @param {Settings | null} a
 * @param {Settings} b
 */
const equal = (a, b) => a !== null && Object.keys(b).every((name) => a[name] === b[name]);
