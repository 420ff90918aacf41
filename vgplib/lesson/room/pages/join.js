/** A phone's page: one question, one guess. */

import { h } from "./dom.js";
import { connect, drawVotes, part, say } from "./line.js";
import { numberHelp, parseNumber } from "./numbers.js";
import { prose } from "./text.js";

let round = -1;
let state = null;
let sent = false; // whether a guess is on its way

/** The room was opened anew, so a new seat is needed; without cookies there is none. */
function unknown(heard) {
  if (heard) location.reload();
  return heard ? "The room is new. Joining again …" : "This page needs a cookie for as long as it is open.";
}

const send = connect("/seat", unknown, (now) => {
  state = now;
  if (state.round !== round) ask(state);
  part("guess").querySelector("fieldset")?.toggleAttribute("disabled", !state.open);
  drawVotes(state);
  say("told", told(state));
  sent = false;
});

/** Ask a new question, or the same again. */
function ask({ asked, round: now, said }) {
  round = now;
  part("guess").replaceChildren();
  if (!asked) return;
  const answer = asked.options.length ? choices(asked, said) : figure(asked, said);
  const question = h("legend", {}, ...prose(asked.question));
  part("guess").append(h("fieldset", {}, question, answer, h("button", {}, "Send my guess")));
}

function choices({ options }, said) {
  const one = (option, k) => {
    const input = h("input", { type: "radio", name: "guess", value: k, checked: k === said });
    return h("label", {}, input, h("span", {}, ...prose(option)));
  };
  return h("div", { class: "choices" }, options.map(one));
}

function figure({ unit }, said) {
  const input = h("input", { id: "number", name: "guess", autocomplete: "off", value: said ?? "" });
  return h("p", {}, h("label", { for: "number" }, "My guess "), input, unit ? ` ${unit}` : "");
}

part("guess").addEventListener("submit", (event) => {
  event.preventDefault();
  const given = new FormData(part("guess")).get("guess");
  const { asked } = state;
  if (asked.options.length) {
    if (given === null) say("told", "Choose one first.");
    else give(Number(given));
    return;
  }
  const value = parseNumber(given, asked.unit);
  const good = value !== null && !(asked.log && value <= 0);
  part("number").setAttribute("aria-invalid", String(!good));
  if (good) give(value);
  else say("told", numberHelp(given, asked.log ? "a number above 0" : "a number"));
});

function give(guess) {
  sent = true;
  send({ guess });
}

/** What is said below the question. */
function told({ asked, open, said, shown }) {
  if (!asked) return "You are in. Wait for the first question.";
  if (open && said === null) return "A question is open: send your guess.";
  if (open) return sent ? "Your guess is in. You can change it until the vote is closed." : "Your guess is in.";
  if (shown) return "The vote is closed. Here is what the room says.";
  return said === null ? "The vote is closed." : "The vote is closed. Your guess counts.";
}
