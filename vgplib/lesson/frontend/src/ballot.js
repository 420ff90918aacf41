// @ts-check
import { h, say } from "./dom.js";
import { makeHands } from "./hands.js";
import { guess, keepGuess, onProgress } from "./progress.js";
import { countsHands } from "./room.js";

const AGAIN = "-again";

/**
 * Make a question with a list of options one to vote on. A vote is kept; the second one on the same
 * question says whether the reader moved.
 *
 * @param {HTMLElement} place `div.vgp-ballot`: the question in a paragraph, then the list
 */
export function upgradeBallot(place) {
  const [question, list] = [place.querySelector("p"), place.querySelector("ul")];
  if (!question || !list) return;
  const first = place.id.endsWith(AGAIN) ? place.id.slice(0, -AGAIN.length) : null;
  const options = [...list.children].map((item) => item.textContent?.trim() ?? "");
  const inputs = options.map((option) =>
    h("input", { type: "radio", name: place.id, onchange: () => keepGuess(place.id, option) }),
  );
  const status = h("p", { class: "vgp-voted", role: "status" });
  const fields = h(
    "fieldset",
    {},
    h("legend", {}, ...question.childNodes),
    h(
      "div",
      { class: "vgp-choices" },
      inputs.map((input, k) => h("label", { class: "vgp-choice" }, input, h("span", {}, options[k]))),
    ),
  );
  question.remove();
  list.replaceWith(fields, status);
  place.classList.add("vgp");
  if (countsHands()) {
    const rows = options.map((option) => ({ label: [option], name: option }));
    place.append(makeHands({ id: place.id, options: rows, answer: -1 }));
  }

  function show() {
    const said = guess(place.id);
    inputs.forEach((input, k) => (input.checked = options[k] === said));
    say(status, told(said, first && guess(first)));
  }

  show();
  onProgress(show);
}

/**
 * @param {string | null} now
 * @param {string | null} before null where this is the first vote, or there was none
 */
function told(now, before) {
  if (!now || !before) return "";
  return now === before
    ? `You stay with “${before}”.`
    : `You have moved, from “${before}” to “${now}”.`;
}
