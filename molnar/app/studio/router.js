/**
 * Addresses after the #, so that every view can be linked to and survives a reload:
 * #/  #/job/k7  #/picture/k7.2  #/picture/k7.2/edit  .../explain  #/compare/k7.1/k7.2  #/gallery
 */

let shown = () => {};

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
export const rename = (path) => history.replaceState(null, "", `#/${path}`);

/** Call `show` now and whenever the address changes. */
export function start(show) {
  shown = show;
  addEventListener("hashchange", () => {
    if (location.hash === "" || location.hash.startsWith("#/")) show();
  });
  show();
}
