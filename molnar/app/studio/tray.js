/** Pictures put aside for a blend or a comparison. */

import { blend } from "./actions.js";
import * as api from "./api.js";
import { find, h, recall, remember } from "./dom.js";
import { icon } from "./icons.js";
import { go } from "./router.js";
import { note } from "./says.js";

const MOST = 5; // pictures of a blend
const KEPT = "molnar.tray";

export const tray = new EventTarget();
let taken = recall(KEPT, []);

/** References of what was put aside, in that order. */
export const chosen = () => taken;

/** Put a picture aside, or back. */
export function toggleChosen(reference) {
  if (taken.includes(reference)) taken = taken.filter((one) => one !== reference);
  else if (taken.length === MOST) return note(`A blend takes ${MOST} pictures at most.`, "bad");
  else taken = [...taken, reference];
  show();
}

function clear() {
  taken = [];
  show();
}

/** Show what was put aside. */
export function show() {
  remember(KEPT, taken);
  const element = find("#tray");
  element.hidden = !taken.length;
  element.replaceChildren(
    h(
      "ul",
      {},
      ...taken.map((one) =>
        h(
          "li",
          {},
          h(
            "button",
            {
              type: "button",
              "aria-label": `Put back ${one}`,
              title: "Put back",
              onclick: () => toggleChosen(one),
            },
            h("img", {
              src: api.thumbnail(one),
              alt: "",
              width: 48,
              height: 48,
              onerror: () => taken.includes(one) && toggleChosen(one), // deleted meanwhile
            }),
          ),
        ),
      ),
    ),
    h(
      "button",
      {
        type: "button",
        class: "main",
        disabled: taken.length < 2,
        onclick: () => blend(taken).then(clear),
      },
      taken.length < 2 ? "Choose another one" : `Blend ${taken.length}`,
    ),
    h(
      "button",
      {
        type: "button",
        disabled: taken.length !== 2,
        onclick: () => go(`compare/${taken.join("/")}`),
      },
      "Compare",
    ),
    h(
      "button",
      { type: "button", class: "quiet", "aria-label": "Put all back", onclick: clear },
      icon("close"),
    ),
  );
  tray.dispatchEvent(new Event("change"));
}
