/**
 * What is said: to the eye as a note that goes by itself, to a screen reader through one live
 * region. Both take text alone.
 */

import { find, h } from "./dom.js";

const NOTE_MS = 6000;
const PATIENCE_MS = 300; // before it is shown that something is waited for

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

let waiting = 0;

/** Show that something is waited for, unless it comes at once. Resolves as the promise does. */
export async function working(promise) {
  const bar = find("#working");
  let shown = false;
  const timer = setTimeout(() => {
    shown = true;
    waiting += 1;
    bar.hidden = false;
  }, PATIENCE_MS);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    if (shown) waiting -= 1;
    bar.hidden = waiting === 0;
  }
}

/** Run what may be refused, and say why if it is. Returns undefined then. */
export async function trying(action) {
  try {
    return await working(action());
  } catch (error) {
    const wait = error.retryAfter ? ` Try again in ${error.retryAfter} s.` : "";
    // That the server is away, the banner says.
    if (error.status !== 0) note(`${error.message}${wait}`, "bad");
    if (error.status === undefined) console.error(error);
    return undefined;
  }
}

/** A reason as a sentence: servers begin them small and end them anyhow. */
export const sentence = (text) =>
  text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");

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
