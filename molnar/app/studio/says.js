/**
 * What is said: to the eye as a note that goes by itself, to a screen reader through one live
 * region. Both take text alone.
 */

import { find, h } from "./dom.js";

const NOTE_MS = 6000;

/** Tell a screen reader, when it has time. */
export function announce(text) {
  const region = find("#live");
  if (region.textContent !== text) region.textContent = text;
}

/** Show a note for a while. @param {"calm"|"bad"} mood */
export function note(text, mood = "calm") {
  const element = h("p", { class: `note ${mood}` }, text);
  find("#notes").append(element);
  announce(text);
  setTimeout(() => element.remove(), NOTE_MS);
}

/** Run what may be refused, and say why if it is. Returns undefined then. */
export async function trying(action) {
  try {
    return await action();
  } catch (error) {
    const wait = error.retryAfter ? ` Try again in ${error.retryAfter} s.` : "";
    note(`${error.message}${wait}`, "bad");
    if (error.status === undefined) console.error(error);
    return undefined;
  }
}

/** Progress, said at each quarter and no oftener. */
export function quarters() {
  let said = -1;
  return (fraction) => {
    const quarter = Math.floor(fraction * 4);
    if (quarter <= said || quarter >= 4) return;
    said = quarter;
    announce(quarter ? `Drawing, ${quarter * 25} %` : "Drawing");
  };
}
