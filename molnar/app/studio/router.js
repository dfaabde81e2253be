/**
 * Addresses after the #, so that every view can be linked to and survives a reload:
 * #/  #/job/k7  #/picture/k7.2  #/picture/k7.2/edit  .../explain  #/compare/k7.1/k7.2  #/gallery
 */

import { debounced } from "./dom.js";

let shown = () => {};

/** What was left at this address when one went: how far down one was, how much was shown. */
export const left = () => history.state ?? {};

/** Leave word at this address for when one comes back to it. */
export const leave = (words) => history.replaceState({ ...history.state, ...words }, "");

/** The address as ["picture", "k7.2", "edit"] and its query. */
export function here() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const names = path.split("/").filter(Boolean).map(decode);
  return { names, query: new URLSearchParams(query) };
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Go to an address; `instead` leaves no trace of the present one. */
export function go(path, { instead = false } = {}) {
  const hash = `#/${path}`;
  if (location.hash === hash) return shown();
  if (!instead) location.hash = hash;
  else {
    history.replaceState(null, "", hash);
    shown();
  }
}

/** Change the address without showing anything anew. */
export const rename = (path) => history.replaceState(history.state, "", `#/${path}`);

/** Call `show` now and whenever the address changes. */
export function start(show) {
  shown = show;
  // Views come after their address, too late for the browser to scroll to where one was.
  history.scrollRestoration = "manual";
  const settled = debounced((hash, y) => location.hash === hash && leave({ y }), 150);
  addEventListener("scroll", () => settled(location.hash, Math.round(scrollY)), { passive: true });
  addEventListener("hashchange", () => {
    if (location.hash === "" || location.hash.startsWith("#/")) show();
  });
  show();
}
