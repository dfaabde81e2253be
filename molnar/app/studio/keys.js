/**
 * The keyboard. Each view lends its keys while it is shown; those of the page are there always.
 * No key works while one types, except Escape.
 */

import { find, h } from "./dom.js";
import { open } from "./dialogs.js";

const PAIR_MS = 2000; // between u or v and its digit

/** Every key, for the list: [keys, what it does]. */
const LIST = [
  [
    "A grid",
    [
      ["1 … 4", "open that picture"],
      ["u, then 1 … 4", "upscale it"],
      ["v, then 1 … 4", "vary it"],
      ["r", "draw again with another seed"],
      ["Esc", "cancel while it is being drawn"],
    ],
  ],
  [
    "A picture",
    [
      ["← ↑ → ↓", "pan"],
      ["u   v   V", "upscale, vary, vary as set the other way"],
      ["z   q", "zoom out, make square"],
      ["m", "mask: draw a part anew"],
      ["e", "explain: which word drew what"],
      ["c   b", "compare; take it into a blend"],
      ["f   d", "favourite; download"],
      ["j   k", "next, previous picture"],
      ["Esc", "back to its grid"],
    ],
  ],
  [
    "A mask",
    [
      ["b   x   t", "brush, eraser, rectangle"],
      ["[   ]", "smaller, larger brush"],
      ["i", "invert"],
      ["Ctrl z", "undo"],
      ["arrows, Space", "move the brush, press it"],
    ],
  ],
  [
    "Everywhere",
    [
      ["p", "write a prompt (Enter draws)"],
      ["s", "settings of the next drawing"],
      ["g   /", "gallery; search it"],
      ["n", "new, the first page"],
      ["?", "this list"],
    ],
  ],
];

let page = {};
let view = {};
let pending = null; // {key, timer}

/** Set the keys of the page: {key: action}. */
export const pageKeys = (actions) => (page = actions);

/** Set the keys of the view that is shown. A key "u1" is u, then 1. */
export const viewKeys = (actions) => {
  view = actions;
  forget();
};

/** Show which keys there are. */
export function showKeys() {
  const sections = LIST.map(([title, keys]) =>
    h(
      "section",
      {},
      h("h3", {}, title),
      h(
        "dl",
        {},
        ...keys.flatMap(([key, does]) => [
          h("dt", {}, ...key.split("   ").map((one) => h("kbd", {}, one))),
          h("dd", {}, does),
        ]),
      ),
    ),
  );
  open("Keys", [h("div", { class: "keys" }, ...sections)], { kind: "wide" });
}

const typing = (element) =>
  element instanceof Element &&
  element.closest(
    "textarea, select, [contenteditable], input:not([type=checkbox], [type=radio], [type=range])",
  ) !== null;

// A slider, a group of choices and the mask have their own use for arrows and digits.
const ownArrows = (element) =>
  element instanceof Element && element.closest("input, [role=slider], [data-arrows]") !== null;

function forget() {
  if (pending) clearTimeout(pending.timer);
  pending = null;
  find("#pending").hidden = true;
}

function wait(key) {
  forget();
  pending = { key, timer: setTimeout(forget, PAIR_MS) };
  const hint = find("#pending");
  hint.textContent = `${key.toUpperCase()} …`;
  hint.hidden = false;
}

function pressed(event) {
  if (event.defaultPrevented || event.isComposing) return;
  if (event.key === "Escape") return escape(event);
  const modified = event.ctrlKey || event.metaKey || event.altKey;
  if (modified || typing(event.target) || find("dialog[open]")) return;
  if (event.key.startsWith("Arrow") && ownArrows(event.target)) return;
  const pair = pending ? pending.key + event.key : null;
  const action = (pair && view[pair]) ?? view[event.key] ?? page[event.key];
  const starts =
    !action && Object.keys(view).some((key) => key.length === 2 && key[0] === event.key);
  if (starts) {
    event.preventDefault();
    return wait(event.key);
  }
  forget();
  if (!action) return;
  event.preventDefault();
  action(event);
}

function escape(event) {
  if (find("dialog[open]")) return; // it closes itself
  if (pending) return forget();
  if (typing(event.target) && !page.Escape?.()) return event.target.blur();
  if (typing(event.target)) return;
  const action = page.Escape?.() ? null : view.Escape;
  action?.(event);
}

document.addEventListener("keydown", pressed);
