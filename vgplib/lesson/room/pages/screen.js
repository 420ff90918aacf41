/** The instructor's screen: opens questions, and shows what the room says. */

import { h } from "./dom.js";
import { connect, drawVotes, part, say } from "./line.js";
import { plain, prose } from "./text.js";

const UNKNOWN = "This browser may not lead the room: open the address in the terminal again.";
let round = -1;

const send = connect("/screen", () => UNKNOWN, (state) => {
  if (state.list) offer(state.list, state.id);
  const { asked, joined, voted, open, shown } = state;
  say("joined", joined === 0 ? "Nobody has joined yet." : `${joined} ${joined === 1 ? "has" : "have"} joined.`);
  say("voted", asked ? `${voted} of ${Math.max(joined, voted)} have voted.${open ? "" : " The vote is closed."}` : "");
  if (state.round !== round) ask(state);
  part("options").hidden = Boolean(shown);
  drawVotes(state);
  say("measured", shown && !asked.options.length ? "The measured number is in the chapter." : "");
  say("told", shown && !open ? told(state.tally) : "");
  allow("close", open);
  allow("show", asked);
  // What was said is not lost to a slip.
  allow("again", asked && voted && (shown || !open));
  allow("ask", !open || !voted);
  allow("answer", state.marked && shown !== "answer");
  part("show").textContent = shown ? "Hide the votes" : "Show the votes";
  orders.show.what = shown ? "" : "votes";
});

const orders = {
  close: { do: "close" },
  show: { do: "show", what: "votes" },
  answer: { do: "show", what: "answer" },
  again: { do: "again" },
};
for (const [id, order] of Object.entries(orders))
  part(id).addEventListener("click", () => {
    if (part(id).getAttribute("aria-disabled") === "false") send(order);
  });

/** A button that can do nothing now keeps the focus all the same. */
function allow(id, can) {
  part(id).setAttribute("aria-disabled", String(!can));
}

/** A new question, or the same again. */
function ask({ asked, round: now }) {
  if (asked) part("asked").replaceChildren(...prose(asked.question));
  part("options").replaceChildren(...(asked?.options ?? []).map((option) => h("li", {}, ...prose(option))));
  round = now;
}

/** What is read aloud once the votes are in, and shown. */
function told(tally) {
  const rows = tally.map(({ label, count, right }) => `${plain(label)}${right ? ", the answer" : ""}: ${count}`);
  return rows.length ? `${rows.join("; ")}.` : "Nobody has voted.";
}

/** The questions, by chapter. */
function offer(list, chosen) {
  const chapters = [...new Set(list.map(({ chapter }) => chapter))];
  const groups = chapters.map((label) => {
    const inside = list.filter(({ chapter }) => chapter === label);
    return h("optgroup", { label }, inside.map(({ id, text }) => h("option", { value: id }, text)));
  });
  part("list").replaceChildren(...groups);
  if (chosen) part("list").value = chosen;
}

part("controls").addEventListener("submit", (event) => {
  event.preventDefault();
  if (part("ask").getAttribute("aria-disabled") !== "true") send({ do: "ask", id: part("list").value });
});
say("address", location.host);
part("code").alt = `QR code of http://${location.host}/join`;
