// @ts-check
import { bench } from "./bench.js";
import { capital, makeCalibration, state } from "./calibration.js";
import { makeDiagnosis } from "./diagnosis.js";
import { h, say } from "./dom.js";
import { pageModel } from "./model.js";
import { drawn } from "./order.js";
import * as progress from "./progress.js";
import { prose } from "./text.js";
/** @import { ClinicSpec, Model, Patient } from "./types.js" */

const MARKS = { solved: " ✓", "given up": " –", "not yet": " ·", new: "" };

/**
 * Show the clinic: choose a patient, examine it, commit to a diagnosis, treat it.
 *
 * @param {Model} model
 * @param {HTMLElement} el
 * @returns {() => void} takes it down again
 */
export function clinic(model, el) {
  const spec = /** @type {ClinicSpec} */ (model.get("spec"));
  const live = Boolean(model.get("live"));
  const seed = live ? spec.seed : (new URLSearchParams(location.search).get("seed") ?? spec.seed);
  const patients = drawn(spec.patients, seed);
  const letter = (/** @type {Patient} */ one) => String.fromCharCode(65 + patients.indexOf(one));
  let now = patients[0];
  /** @type {(() => void)[]} take the two benches down */
  let rooms = [];
  let treating = false;

  const score = h("p", { class: "vgp-score", role: "status" });
  const inputs = patients.map((patient) =>
    h("input", {
      type: "radio",
      name: `${spec.id}-patient`,
      onchange: () => {
        now = patient;
        admit();
      },
    }),
  );
  const marks = patients.map(() => h("span"));
  const label = h("div", { class: "vgp-label", id: `${spec.id}-patients` }, h("span", {}, "Patient"));
  const choose = h(
    "div",
    { class: "vgp-waiting" },
    label,
    h(
      "div",
      { class: "vgp-choices vgp-letters", role: "radiogroup", "aria-labelledby": label.id },
      inputs.map((input, k) => h("label", { class: "vgp-choice" }, input, marks[k])),
    ),
  );
  const examined = h("div");
  const treated = h("div");
  const diagnosis = makeDiagnosis(spec, follow);
  const story = h("div", { class: "vgp-story", hidden: true });
  const closed = h("p", { class: "vgp-closed" }, "Commit to a diagnosis, and the pharmacy opens.");
  const calibration = makeCalibration(patients);
  const status = h("span", { class: "vgp-said", role: "status" });
  const again = h("button", { type: "button", class: "vgp-tool" }, "Start the clinic anew");
  again.addEventListener("click", () => {
    progress.discharge();
    say(status, "All patients are new again.");
  });
  const title = spec.number ? `Experiment ${spec.number} · ${spec.title}` : spec.title;
  const root = h(
    "div",
    { role: "region", class: "vgp-clinic", "aria-labelledby": `${spec.id}-title` },
    h(
      "div",
      { class: "vgp-head" },
      h("p", { class: "vgp-title", id: `${spec.id}-title` }, title),
      score,
    ),
    choose,
    examined,
    diagnosis.element,
    story,
    closed,
    treated,
    calibration.element,
    h(
      "div",
      { class: "vgp-tools" },
      again,
      seed ? h("span", { class: "vgp-said" }, `Order drawn by seed ${seed}`) : null,
      status,
    ),
  );
  el.append(root);

  /** Show the patient from its first piece of evidence on. */
  function admit() {
    rooms.forEach((remove) => remove());
    rooms = [];
    treating = false;
    if (!model.get("frames").length) return;
    diagnosis.admit(now, letter(now));
    open(0, "the evidence", examined);
    follow();
  }

  /**
   * A bench for this patient alone.
   *
   * @param {0 | 1} k which
   * @param {string} what
   * @param {HTMLElement} place
   */
  function open(k, what, place) {
    const { controls, initial, ...room } = spec.rooms[k];
    const [patient, control] = controls;
    const table = model.get("frames")[k];
    const size = table.length / spec.patients.length;
    const at = spec.patients.indexOf(now) * size;
    const settings = { [control.name]: initial[control.name] };
    const own = {
      ...room,
      id: `${spec.id}-${room.id}`,
      title: `Patient ${letter(now)}: ${what}`,
      controls: [control],
      initial: settings,
      fixed: { [patient.name]: now.id },
    };
    // As in a notebook: its settings are no part of the page's address.
    const state = { spec: own, frames: table.slice(at, at + size), settings, live: true };
    rooms.push(bench(pageModel({ ...state, status: { state: "idle", message: "" } }), place));
  }

  /** Show what is kept. */
  function follow() {
    if (!model.get("frames").length) return;
    const states = patients.map(state);
    patients.forEach((one, k) => {
      inputs[k].checked = one === now;
      say(marks[k], letter(one) + MARKS[states[k]]);
      const told = states[k] === "new" ? "" : `, ${states[k]}`;
      inputs[k].setAttribute("aria-label", `Patient ${letter(one)}${told}`);
    });
    const count = (/** @type {string} */ what) => states.filter((one) => one === what).length;
    const up = count("given up");
    say(score, `${count("solved")} of ${patients.length} solved${up ? `, ${up} given up` : ""}`);
    diagnosis.show();
    calibration.show();
    const mine = state(now);
    const settled = mine === "solved" || mine === "given up";
    story.hidden = !settled;
    if (settled) {
      const illness = spec.diagnoses.find(({ value }) => value === now.truth)?.label ?? "";
      story.replaceChildren(h("p", {}, h("strong", {}, `${capital(illness)}. `), prose(now.story)));
    } else story.replaceChildren();
    closed.hidden = mine !== "new";
    if (mine !== "new" && !treating) {
      treating = true;
      open(1, "the treatment", treated);
    }
    if (mine === "new" && treating) admit();
  }

  model.on("change:frames", admit);
  const stop = progress.onProgress(follow);
  admit();
  if (live && !model.get("frames").length) model.send("table");
  return () => {
    model.off("change:frames", admit);
    stop();
    rooms.forEach((remove) => remove());
    root.remove();
  };
}
