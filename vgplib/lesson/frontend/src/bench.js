// @ts-check
import { makeControls } from "./controls.js";
import { h, say } from "./dom.js";
import { handsOn } from "./hands.js";
import { GONE_WORDS, SILENT_WORDS, watchKernel } from "./kernel.js";
import { makePredict } from "./predict.js";
import { onProgress } from "./progress.js";
import { makeReadouts } from "./readouts.js";
import { countsHands, instructs, roomNote } from "./room.js";
import { makeRows } from "./rows.js";
import { brief, describe, equal, fromFragment, snap } from "./settings.js";
import { makeStage } from "./stage.js";
import { prose } from "./text.js";
import { compared, makeFrames } from "./together.js";
import { makeTools } from "./tools.js";
/** @import { BenchSpec, Frame, Model, Past, Settings, Status, Value } from "./types.js" */
/** @typedef {{frame: Frame, settings: Settings}} Shown */

const PAUSE = 150; // milliseconds without a move before PyTorch is asked
const PATIENCE = 10_000; // milliseconds without a word from the kernel before the reader is told
const SAME_WORDS = "That changes nothing here: both settings measure the same.";

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
  /** @type {Shown | null} drawn; while PyTorch computes, the last one */
  let shown = null;
  /** @type {Past | null} what stood there before the last move */
  let before = null;
  /** @type {Past | null} what stood there before the guess: pale beside the answer, whenever */
  let began = null;
  let moving = ""; // the control that the reader has in hand
  let asking = false;
  let gone = false; // the kernel
  let timer = 0;
  let patience = 0;

  const words = () => describe(spec.controls, settings);
  const moved = Object.assign(
    (/** @type {string} */ name, /** @type {Value} */ value) => {
      const next = { ...settings, [name]: value };
      if (moving !== name) before = past(next) ?? before;
      moving = name;
      move(next);
    },
    { rests: () => void (moving = "") },
  );
  const controls = makeControls(spec, live, moved);
  const frames = makeFrames(spec.controls, model);
  const together = Boolean(compared(spec.controls));
  const readouts = together ? makeRows() : makeReadouts();
  const predict = spec.predict && makePredict(spec, spec.predict, answered, () => go(answer()));
  const handles = h("div", { class: "vgp-controls" }, controls.elements);
  const figures = together ? null : readouts.element;
  const column = h("div", { class: "vgp-column" }, handles, figures, predict?.line);
  const chart = makeStage(column);
  const busy = h("p", { class: "vgp-busy", role: "status" });
  const problem = h("p", { class: "vgp-problem", role: "alert" });
  const idle = h("p", { class: "vgp-idle", role: "status" });
  const stage = h("div", { class: "vgp-stage" }, chart.element, idle, busy, problem);
  const setting = h("p", { class: "vgp-setting" });
  const tools = makeTools(spec, live, { settings: () => settings, reset, heights: chart.heights });
  const room = spec.predict?.room;
  const note = room && !live && instructs() ? roomNote(room) : null;
  const hands = spec.predict && !live && countsHands() ? handsOn(spec.predict) : null;
  const title = spec.number ? `Experiment ${spec.number} · ${spec.title}` : spec.title;
  const root = h(
    "div",
    {
      role: "region", // no <section>: in the slides each of those would be one
      class: spec.controls.length ? "vgp-bench" : "vgp-bench vgp-alone",
      "aria-labelledby": `${spec.id}-title`,
    },
    h(
      "div",
      { class: "vgp-head" },
      h("p", { class: "vgp-title", id: `${spec.id}-title` }, title),
      h("p", { class: "vgp-source" }, spec.source),
    ),
    setting,
    h("div", { class: "vgp-body" }, predict?.element, column, stage, figures ? null : readouts.element),
    hands,
    note,
    spec.caption.length ? h("p", { class: "vgp-caption" }, ...prose(spec.caption)) : null,
    tools.elements,
  );
  el.append(root);

  /**
   * @param {Settings} next what the reader chose
   * @param {boolean} [pulse]
   */
  function move(next, pulse = true) {
    settings = next;
    clearTimeout(timer);
    clearTimeout(patience);
    say(problem, "");
    const save = () => {
      if (gone) return; // there is nobody to tell
      model.set("settings", settings);
      model.save_changes();
    };
    asking = !frames.find(settings);
    if (asking)
      timer = setTimeout(() => {
        save();
        patience = setTimeout(() => asking && !gone && say(problem, SILENT_WORDS), PATIENCE);
      }, PAUSE);
    else save();
    update(pulse);
  }

  /**
   * The bench goes elsewhere by itself.
   *
   * @param {Settings} next
   * @param {boolean} [pulse]
   */
  function go(next, pulse = true) {
    before = past(next) ?? before;
    moving = "";
    move(next, pulse);
  }

  /**
   * What is shown now, as the pale line beside another setting.
   *
   * @param {Settings} next where the bench goes
   * @returns {Past | null} null where nothing changes
   */
  function past(next) {
    if (!shown || together) return null;
    const { frame, settings: old } = shown;
    const changed = spec.controls.filter(({ name }) => old[name] !== next[name]);
    if (!changed.length) return null;
    const words = changed.map((control) => brief(control, old[control.name])).join(", ");
    const named = changed[0].kind === "slider" && !changed[0].unit;
    const low = named ? words[0].toLowerCase() + words.slice(1) : words;
    return { frame, words: `earlier: ${low}` };
  }

  /** @param {boolean} [pulse] whether the reader moved something */
  function update(pulse = false) {
    const frame = frames.find(settings);
    const status = /** @type {Status} */ (model.get("status"));
    const failed = !frame && !asking && status.state === "error";
    const waiting = !frame && !failed && !gone;
    controls.show(settings, frames.seats());
    tools.moved();
    say(busy, waiting ? "PyTorch is computing…" : "");
    const still = (pulse || asking) && frame && shown && same(shown, { frame, settings });
    say(idle, still ? SAME_WORDS : "");
    if (failed) say(problem, status.message);
    else if (frame && !gone) say(problem, "");
    root.setAttribute("aria-busy", String(waiting));
    if (!frame) return;
    asking = false;
    clearTimeout(patience);
    shown = { frame, settings };
    readouts.show(frame);
    tools.show(frame, words());
    say(setting, words());
    const label = `${spec.title}, ${setting.textContent}. ${frame.summary}`;
    const there = equal(answer(), settings);
    predict?.at(there ? "" : describe(spec.controls, answer()));
    chart.show({ frame, before: (there && began) || before, label }, pulse);
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

  /**
   * The reader guessed, or wants to see: the bench goes where the answer is.
   *
   * @param {boolean} [pulse]
   */
  function answered(pulse = true) {
    reveal();
    const next = { ...settings, ...spec.predict?.show };
    if (!equal(next, settings)) {
      began = past(next);
      go(next, pulse);
    }
    if (pulse) for (const part of [predict?.line, stage]) part?.scrollIntoView({ block: "nearest" });
  }

  function ask() {
    if (!predict) return;
    predict.ask();
    hide();
  }

  function reset() {
    before = began = null;
    chart.rewind();
    if (fromFragment(location.hash, spec, settings) && !live)
      history.replaceState(history.state, "", location.pathname + location.search);
    move(start());
    ask();
  }

  /** The setting that the bench starts at. */
  function start() {
    return live && !gone ? { ...spec.initial } : snap(spec.controls, spec.initial);
  }

  /** The setting that answers the question. */
  const answer = () => ({ ...start(), ...spec.predict?.show });

  function restore() {
    const linked = fromFragment(location.hash, spec, settings);
    if (!linked) return;
    if (linked.ask) ask();
    else {
      predict?.dismiss();
      reveal();
    }
    before = began = null;
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
    before = past(next) ?? before;
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
  const told = onProgress(() => {
    // A guess that came with a file, or from another tab.
    if (root.classList.contains("vgp-predicting") && predict?.restore()) answered(false);
  });
  chart.fit();
  update();
  if (predict && !predict.restore()) hide();
  else if (equal(settings, start())) answered(false);
  if (!live) restore();
  else if (!model.get("frames").length) model.send("table");

  return () => {
    for (const [event, ear] of ears) model.off(event, ear);
    removeEventListener("hashchange", restore);
    unwatch();
    told();
    chart.stop();
    tools.stop();
    clearTimeout(timer);
    clearTimeout(patience);
    root.remove();
  };
}

/**
 * Whether a reader who chose another setting sees no difference.
 *
 * @param {Shown} a
 * @param {Shown} b
 */
function same(a, b) {
  const [one, other] = [a, b].map(({ frame }) => JSON.stringify({ ...frame, summary: "" }));
  return !equal(a.settings, b.settings) && one === other;
}
