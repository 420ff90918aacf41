// @ts-check
import { SURE, capital, state } from "./calibration.js";
import { h } from "./dom.js";
import { diagnosed, giveUp, keepDiagnosis } from "./progress.js";
/** @import { ClinicSpec, Patient, Sure } from "./types.js" */

/**
 * Where the reader commits to a diagnosis, says how sure they are, or gives up.
 *
 * @param {ClinicSpec} spec
 * @param {() => void} follow shows what is kept
 */
export function makeDiagnosis(spec, follow) {
  /** @type {Patient} */
  let now = spec.patients[0];
  let letter = "";
  const which = choices(`${spec.id}-diagnosis`, spec.diagnoses.map(({ value, label }) => [value, label]));
  const sure = choices(`${spec.id}-sure`, SURE);
  const asked = h("legend");
  const result = h("div", { class: "vgp-feedback", "aria-live": "polite" });
  const fields = h(
    "div",
    {},
    h("fieldset", {}, asked, which.element),
    h("fieldset", {}, h("legend", {}, "How sure are you?"), sure.element),
    h(
      "div",
      { class: "vgp-actions" },
      h("button", { type: "submit", class: "vgp-button" }, "Commit"),
      h(
        "button",
        {
          type: "button",
          class: "vgp-plain",
          onclick: () => {
            giveUp(now.id);
            follow();
            result.focus({ preventScroll: true }); // what had the focus is gone
          },
        },
        "I give up: tell me",
      ),
    ),
  );
  result.tabIndex = -1;
  const element = h("form", { class: "vgp-diagnosis", novalidate: true }, fields, result);
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    const [said, how] = [which.chosen(), sure.chosen()];
    if (!said) return result.replaceChildren(h("p", {}, "Choose a diagnosis."));
    if (!how) return result.replaceChildren(h("p", {}, "Say how sure you are, too."));
    keepDiagnosis(now.id, said, /** @type {Sure} */ (how));
    follow();
    if (fields.hidden) result.focus({ preventScroll: true });
  });

  /** What the last answer is told. */
  function told() {
    const { tries, up } = diagnosed(now.id);
    const last = tries.at(-1);
    if (!last) return up ? [h("p", {}, "You gave this one up. Here's what it has:")] : [];
    const named = spec.diagnoses.find(({ value }) => value === last.said)?.label ?? last.said;
    const right = last.said === now.truth;
    const again = up && !right ? h("p", {}, "Here's what it has:") : null;
    return [
      h(
        "p",
        { class: right ? "vgp-tone-good" : "vgp-tone-bad" },
        h("strong", {}, `${capital(named)}: ${right ? "that's it." : "that's not it."}`),
        ` The evidence says: ${now.said[last.said] ?? ""}.`,
      ),
      ...(again ? [again] : []),
    ];
  }

  return {
    element,
    /**
     * @param {Patient} patient
     * @param {string} called
     */
    admit(patient, called) {
      [now, letter] = [patient, called];
      element.reset();
    },
    show() {
      const mine = state(now);
      asked.textContent = `Your diagnosis for patient ${letter}`;
      fields.hidden = mine === "solved" || mine === "given up";
      result.replaceChildren(...told());
    },
  };
}

/**
 * Buttons of which one is chosen.
 *
 * @param {string} name
 * @param {[string, string][]} options value and label
 */
function choices(name, options) {
  const inputs = options.map(([value]) => h("input", { type: "radio", name, value }));
  const element = h(
    "div",
    { class: "vgp-choices" },
    inputs.map((input, k) => h("label", { class: "vgp-choice" }, input, h("span", {}, options[k][1]))),
  );
  return { element, chosen: () => inputs.find((input) => input.checked)?.value };
}
