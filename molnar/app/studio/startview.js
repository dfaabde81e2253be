/** The first page: a prompt, three to try, and what was drawn last. */

import * as api from "./api.js";
import { composer } from "./composer.js";
import { h } from "./dom.js";
import { tile } from "./gallery.js";
import { unfinished } from "./jobs.js";
import { hash, Squares } from "./squares.js";
import { trying } from "./says.js";

// What the shipped model draws well: a first try should please.
const EXAMPLES = [
  "a red apple",
  "a yellow star on a purple background",
  "a blue circle above a red square",
];
const LATEST = 12;

/** Squares that the prompt plants: other words, another drawing. Made once, for the page's head. */
export function frieze() {
  const squares = new Squares({
    columns: 14,
    rows: 4,
    rings: 5,
    seed: 1968,
    disorder: 0.9,
    accents: 5,
  });
  composer.element.addEventListener("prompt", ({ detail }) => {
    const text = detail.trim();
    squares.plant(text ? hash(text) : 1968);
    squares.settle(text ? 0.55 : 0.9, 300);
  });
  return h("div", { class: "frieze" }, squares.element);
}

function examples() {
  return h(
    "div",
    { class: "examples" },
    h("p", {}, "Try one:"),
    ...EXAMPLES.map((text) =>
      h(
        "button",
        {
          type: "button",
          class: "example",
          onclick: () => {
            composer.write(text);
            composer.draw();
          },
        },
        text,
      ),
    ),
  );
}

/** Show the first page. */
export async function startView() {
  const [latest] = await Promise.all([
    trying(() => api.jobs({ limit: LATEST })),
    trying(() => unfinished()),
  ]);
  const jobs = latest?.jobs ?? [];
  const element = h(
    "article",
    { class: "start" },
    !jobs.length && examples(),
    jobs.length > 0 &&
      h(
        "section",
        { class: "latest", "aria-label": "Latest" },
        h("h2", {}, "Latest"),
        h("ul", { class: "tiles" }, ...jobs.map(tile)),
      ),
  );
  // On a touch screen the keyboard would cover the page before anything was read.
  const focus = matchMedia("(pointer: coarse)").matches ? null : composer.box.area;
  return { element, keys: {}, title: "", focus };
}
