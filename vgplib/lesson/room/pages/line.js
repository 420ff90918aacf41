/** The line to the server, and the look that the system asks for. */

import { makeTally } from "./tally.js";
import { prose } from "./text.js";

const [UNKNOWN, FULL, HASTY] = [4001, 4002, 4003];
const WORDS = {
  [FULL]: "The room is full.",
  [HASTY]: "That was far too fast. Load this page again.",
};

const dark = matchMedia("(prefers-color-scheme: dark)");
const dress = () => (document.documentElement.dataset.theme = dark.matches ? "dark" : "light");
dark.addEventListener("change", dress);
dress();

/** The element with that id. */
export const part = (id) => document.getElementById(id);

/** Set a text, unless it is there already: a live region then stays silent. */
export function say(id, text) {
  if (part(id).textContent !== text) part(id).textContent = text;
}

/**
 * Stay connected, whatever the Wi-Fi does.
 *
 * @param {string} path
 * @param {(heard: boolean) => string} unknown what to say where the server does not know this
 *   browser, as one that was started anew; heard: whether it did before
 * @param {(state: object) => void} hear gets each state
 * @returns {(message: object) => void} sends
 */
export function connect(path, unknown, hear) {
  let socket;
  let tries = 0;
  let heard = false;

  function open() {
    socket = new WebSocket(`ws://${location.host}${path}`);
    socket.onmessage = ({ data }) => {
      const state = JSON.parse(data);
      tries = 0;
      heard = true;
      say("trouble", state.problem ?? "");
      if (!state.problem) hear(state);
    };
    socket.onclose = ({ code }) => {
      const words = code === UNKNOWN ? unknown(heard) : WORDS[code];
      say("trouble", words ?? "The connection is lost, or the room is closed. Trying again …");
      // Not all at the same time: the server has just come back.
      if (!words) setTimeout(open, (1 + Math.random()) * 1000 * Math.min(8, 2 ** tries++));
    };
  }

  open();
  return (message) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  };
}

/** Draw the votes, once they are shown. */
export function drawVotes({ tally, asked }) {
  const rows = (tally ?? []).map(({ label, right }) => ({
    label: [...prose(label), asked.unit && !asked.options.length ? ` ${asked.unit}` : ""],
    truth: right ? "✓ the answer" : "",
  }));
  const table = makeTally("What the room says", "Votes", rows);
  const before = tally?.[0]?.before != null ? tally.map((row) => row.before) : null;
  table.show({ counts: (tally ?? []).map(({ count }) => count), before, drawn: true });
  part("votes").replaceChildren(...(rows.length ? [table.element] : []));
}
