/**
 * Two pictures on top of each other with a divider. The divider is a slider over all of the
 * picture: mouse, finger and keyboard come with it.
 */

import * as api from "./api.js";
import { h, vary } from "./dom.js";
import { icon } from "./icons.js";
import { go } from "./router.js";

/** Show a comparison. */
export async function compareView([, left, right]) {
  const image = (reference, side) =>
    h("img", {
      src: api.file(reference),
      alt: `${side}: ${reference}`,
      class: side,
      draggable: "false",
      onload: () => fit(),
    });
  const [under, over] = [image(right, "right"), image(left, "left")];
  const place = h("input", {
    type: "range",
    min: 0,
    max: 100,
    step: 1,
    value: 50,
    "aria-label": `Divider between ${left} and ${right}`,
    oninput: () => vary(board, { "--at": `${place.value}%` }),
  });
  const board = h(
    "div",
    { class: "versus" },
    under,
    over,
    h("div", { class: "divider", "aria-hidden": "true" }, h("span", {}, icon("compare"))),
    place,
  );
  const fit = () => {
    if (under.naturalWidth) vary(board, { "--ratio": under.naturalWidth / under.naturalHeight });
  };
  vary(board, { "--at": "50%" });
  const label = (reference) => h("a", { class: "chip", href: `#/picture/${reference}` }, reference);
  const swap = () => go(`compare/${right}/${left}`, { instead: true });
  const element = h(
    "article",
    { class: "compare" },
    h("h1", { class: "sr" }, `${left} and ${right} compared`),
    board,
    h(
      "div",
      { class: "ends" },
      label(left),
      h("button", { type: "button", onclick: swap }, icon("compare"), "Swap"),
      label(right),
    ),
  );
  return {
    element,
    title: `${left} | ${right}`,
    focus: place,
    keys: { Escape: () => go(`picture/${right}`), c: swap },
  };
}
