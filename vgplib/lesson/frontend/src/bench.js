// @ts-check
import { draw } from "./chart.js";
import { makeControls } from "./controls.js";
import { h, say } from "./dom.js";
import { GONE_WORDS, SILENT_WORDS, watchKernel } from "./kernel.js";
import { showLegend } from "./legend.js";
import { number } from "./numbers.js";
import { makePredict } from "./predict.js";
import { makeReader } from "./reader.js";
import { makeReadouts } from "./readouts.js";
import { brief, describe, frameIndex, fromFragment, snap } from "./settings.js";
import { makeStrip } from "./strip.js";
import { prose } from "./text.js";
import { makeTools } from "./tools.js";
/** @import { BenchSpec, Frame, Model, Settings, Status, Value } from "./types.js" */
/** @import { Space } from "./chart.js" */

const PAUSE = 150; // milliseconds without a move before PyTorch is asked
const PATIENCE = 10_000; // milliseconds without a word from the kernel before the reader is told

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
  /** @type {{frame: Frame, settings: Settings} | null} drawn; while PyTorch computes, the last one */
  let shown = null;
  /** @type {{frame: Frame, words: string} | null} what stood there before the last move */
  let before = null;
  const asked = find(); // what the question is about
  /** @type {Space | null} */
  let space = null;
  let moving = ""; // the control that the reader has in hand
  let asking = false;
  let gone = false; // the kernel
  let timer = 0;
  let patience = 0;
  // Of the chart, in pixels; asking the page at each move would cost a layout.
  let width = 0;
  let room = 0;

  const words = () => describe(spec.controls, settings);
  const moved = Object.assign(
    (/** @type {string} */ name, /** @type {Value} */ value) => {
      if (moving !== name) keep(name);
      moving = name;
      move({ ...settings, [name]: value });
    },
    { rests: () => void (moving = "") },
  );
  const controls = makeControls(spec, live, moved);
  const tools = makeTools(spec, live, { settings: () => settings, reset, heights });
  const readouts = makeReadouts();
  const strip = makeStrip();
  const picture = h("div", {
    class: "vgp-picture",
    tabindex: 0,
    role: "application",
    "aria-roledescription": "chart",
    "aria-label": "Chart: the arrow keys read its values",
  });
  const reader = makeReader(picture);
  const legend = h("ul", { class: "vgp-legend" });
  const busy = h("p", { class: "vgp-busy", role: "status" });
  const problem = h("p", { class: "vgp-problem", role: "alert" });
  const setting = h("p", { class: "vgp-setting" });
  const chart = h(
    "div",
    { class: "vgp-chart" },
    strip.element,
    legend,
    h("div", { class: "vgp-frame" }, picture, ...reader.elements),
  );
  const stage = h("div", { class: "vgp-stage" }, chart, busy, problem);
  const predict = spec.predict && makePredict(spec, spec.predict, asked, reveal);
  const handles = h("div", { class: "vgp-controls" }, controls.elements);
  const column = h("div", { class: "vgp-column" }, handles, readouts.element, predict?.line);
  const title = spec.number ? `Experiment ${spec.number} · ${spec.title}` : spec.title;
  const root = h(
    "section",
    {
      class: spec.controls.length ? "vgp-bench" : "vgp-bench vgp-alone",
      "aria-labelledby": `${spec.id}-title`,
    },
    h(
      "header",
      { class: "vgp-head" },
      h("p", { class: "vgp-title", id: `${spec.id}-title` }, title),
      h("p", { class: "vgp-source" }, spec.source),
    ),
    setting,
    h("div", { class: "vgp-body" }, predict?.element, column, stage),
    spec.caption.length ? h("p", { class: "vgp-caption" }, ...prose(spec.caption)) : null,
    tools.elements,
  );
  el.append(root);

  /** @param {Settings} next what the reader chose */
  function move(next) {
    settings = next;
    clearTimeout(timer);
    clearTimeout(patience);
    say(problem, "");
    const save = () => {
      model.set("settings", settings);
      if (!gone) model.save_changes(); // without a kernel there is nobody to tell, and it throws
    };
    asking = !find();
    if (asking)
      timer = setTimeout(() => {
        save();
        patience = setTimeout(() => asking && !gone && say(problem, SILENT_WORDS), PATIENCE);
      }, PAUSE);
    else save();
    update(true);
  }

  /**
   * What is shown now will be the pale line, until the next move.
   *
   * @param {string} name of the control that is moved
   */
  function keep(name) {
    const control = spec.controls.find((one) => one.name === name);
    if (!shown || !control) return;
    const words = brief(control, shown.settings[name]);
    const named = control.kind === "slider" && !control.unit;
    const low = named ? words[0].toLowerCase() + words.slice(1) : words;
    before = { frame: shown.frame, words: `before: ${low}` };
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

  /** @param {boolean} [pulse] whether the reader moved something */
  function update(pulse = false) {
    const frame = find();
    const status = /** @type {Status} */ (model.get("status"));
    const failed = !frame && !asking && status.state === "error";
    const waiting = !frame && !failed && !gone;
    controls.show(settings);
    tools.moved();
    say(busy, waiting ? "PyTorch is computing…" : "");
    if (failed) say(problem, status.message);
    else if (frame && !gone) say(problem, "");
    root.setAttribute("aria-busy", String(waiting));
    if (!frame) return;
    clearTimeout(patience);
    shown = { frame, settings };
    readouts.show(frame);
    tools.show(frame, words());
    say(setting, words());
    paint(pulse);
  }

  /** @param {boolean} [pulse] */
  function paint(pulse = false) {
    if (!shown || !width) return;
    const { frame } = shown;
    const past = before && !alike(before.frame, frame) ? before : null;
    const label = `${spec.title}, ${setting.textContent}. ${frame.summary}`;
    const drawn = draw(frame, { width, height: room, before: past, label });
    space = drawn.space;
    reader.show(frame, space, drawn.svg);
    picture.replaceChildren(drawn.svg);
    showLegend(legend, frame, past && past.words);
    strip.show(frame.strip, { left: space.x.ends[0], right: space.x.ends[1], width }, pulse);
  }

  /** The main line's heights in the chart, from the loss on or from the first step on. */
  function heights() {
    const one = shown?.frame.series.find((series) => series.role === "main");
    const { y } = space ?? {};
    if (!one || !y) return [];
    const [top, foot] = y.ends;
    return one.x
      .map((x, k) => ({ x: number(x), value: number(one.y[k]) }))
      .sort((a, b) => a.x - b.x)
      .map(({ value }) =>
        shown?.frame.y.log && value === 0 ? null : (foot - y.place(value)) / (foot - top),
      );
  }

  function hide() {
    root.classList.add("vgp-predicting");
    for (const part of [stage, readouts.element]) part.setAttribute("aria-hidden", "true");
    for (const part of [handles, stage]) part.inert = true; // an effect nobody can see seems broken
    tools.offerData(false);
  }

  function reveal() {
    root.classList.remove("vgp-predicting");
    for (const part of [stage, readouts.element]) part.removeAttribute("aria-hidden");
    for (const part of [handles, stage]) part.inert = false;
    tools.offerData(true);
  }

  function ask() {
    if (!predict) return;
    predict.ask();
    hide();
  }

  function reset() {
    before = null;
    if (fromFragment(location.hash, spec, settings) && !live)
      history.replaceState(history.state, "", location.pathname + location.search);
    move(live && !gone ? { ...spec.initial } : snap(spec.controls, spec.initial));
    ask();
  }

  function restore() {
    const linked = fromFragment(location.hash, spec, settings);
    if (!linked) return;
    if (linked.ask) ask();
    else {
      predict?.dismiss();
      reveal();
    }
    before = null;
    move(linked.settings);
    el.scrollIntoView({ block: "start" });
  }

  function lost() {
    gone = true;
    asking = false;
    clearTimeout(timer);
    clearTimeout(patience);
    controls.toTable();
    settings = snap(spec.controls, settings);
    update();
    say(problem, GONE_WORDS);
  }

  const follow = () => {
    const next = model.get("settings");
    if (equal(next, settings)) return;
    keep(Object.keys(next).find((name) => next[name] !== settings[name]) ?? "");
    settings = { ...next };
    asking = false;
    clearTimeout(timer);
    update(true);
  };
  const heard = () => {
    asking &&= model.get("status").state === "busy";
    clearTimeout(patience);
    update();
  };
  /** @type {[string, () => void][]} */
  const ears = [
    ["change:settings", follow],
    ["change:frame", () => update()],
    ["change:frames", () => update()],
    ["change:answers", () => update()],
    ["change:status", heard],
  ];
  for (const [event, ear] of ears) model.on(event, ear);
  const unwatch = live ? watchKernel(model, lost) : () => {};
  if (!live) addEventListener("hashchange", restore);
  const fit = () => {
    const was = [width, room];
    width = picture.clientWidth;
    const beside = column.getBoundingClientRect().right <= stage.getBoundingClientRect().left;
    const over = picture.getBoundingClientRect().top - stage.getBoundingClientRect().top;
    // It grows with its neighbour and does not shrink again: the axes stay where they are.
    room = beside ? Math.max(width === was[0] ? room : 0, column.offsetHeight - over) : 0;
    return width !== was[0] || room !== was[1];
  };
  const observer = new ResizeObserver(() => {
    if (fit()) paint();
  });
  for (const part of [picture, column, legend]) observer.observe(part);
  fit();
  update();
  if (predict && !predict.restore()) hide();
  if (!live) restore();
  else if (!model.get("frames").length) model.send("table");

  return () => {
    for (const [event, ear] of ears) model.off(event, ear);
    removeEventListener("hashchange", restore);
    unwatch();
    observer.disconnect();
    tools.stop();
    clearTimeout(timer);
    clearTimeout(patience);
    root.remove();
  };
}

/**
 * Whether two settings are the same.
 *
 * @param {Settings | null} a
 * @param {Settings} b
 */
const equal = (a, b) => a !== null && Object.keys(b).every((name) => a[name] === b[name]);

/**
 * Whether two frames would be drawn alike.
 *
 * @param {Frame} a
 * @param {Frame} b
 */
const alike = (a, b) => JSON.stringify(a.series) === JSON.stringify(b.series);
