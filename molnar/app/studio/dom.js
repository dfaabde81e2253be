/**
 * Elements without markup: text always lands in text nodes, so nothing that a prompt, a file name
 * or a server says can become HTML.
 */

const SVG = "http://www.w3.org/2000/svg";

/**
 * Make an element.
 * @param {string} tag
 * @param {Object} [props] attributes; `on*` are listeners, `dataset` is an object, false is absent
 * @param {...(Node|string|null|undefined|false)} children
 * @returns {HTMLElement}
 */
export function h(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** Make an SVG element; see `h`. */
export function svg(tag, props = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === false || value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "dataset") Object.assign(element.dataset, value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child || child === 0 || child === ""));
  return element;
}

/** The first element that matches, or null. */
export const find = (selector, root = document) => root.querySelector(selector);

/** Set CSS variables through the CSSOM: the page's policy forbids style attributes. */
export function vary(element, variables) {
  for (const [name, value] of Object.entries(variables)) element.style.setProperty(name, value);
  return element;
}

/** Whether motion is unwelcome. */
export const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** What this tab remembers under a name until it is closed, or `fallback`. */
export function recall(name, fallback) {
  try {
    return JSON.parse(sessionStorage.getItem(name)) ?? fallback;
  } catch {
    return fallback; // storage may be forbidden, or hold another version's words
  }
}

/** Remember a value until this tab is closed. */
export function remember(name, value) {
  try {
    sessionStorage.setItem(name, JSON.stringify(value));
  } catch {
    // It then lasts as long as this page.
  }
}

/** "k7.2" -> ["k7", 2]; a picture that was only handed in has neither. */
export function parts(reference) {
  const match = /^([a-z]+\d+)\.(\d+)$/i.exec(reference);
  return match ? [match[1], Number(match[2])] : [null, null];
}

/** Call `action` once, `ms` after the last of a run of calls. */
export function debounced(action, ms) {
  let timer = 0;
  return (...args) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...args), ms);
  };
}

/** Draw a picture's bytes into a canvas: no address, and so no exception in the policy. */
export async function paint(canvas, blob) {
  const bitmap = await createImageBitmap(blob);
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  bitmap.close();
  return canvas;
}

/** Base64 -> Blob, for the previews inside events. */
export function blobOf(base64, type = "image/webp") {
  return new Blob([Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))], { type });
}
