/** Which word drew what: the server's own page, shown in place and kept apart by a sandbox. */

import * as api from "./api.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { rename } from "./router.js";
import { restless, Squares } from "./squares.js";

/** What a server answered to a frame; its inside is out of reach, what the browser timed is not. */
function statusOf(address) {
  const timed = performance.getEntriesByName(new URL(address, location).href).at(-1);
  return timed?.responseStatus ?? 200;
}

/** Say why there is no explanation. */
async function refusal(address) {
  const said = await fetch(address)
    .then((answer) => answer.json())
    .catch(() => null);
  return h(
    "p",
    { class: "refused" },
    said?.error?.message ?? "There is no explanation of this picture.",
  );
}

/**
 * Make the section that explains a picture.
 * @param {string} reference of the picture that is shown
 * @param {string} [source] the one that was drawn, where the shown one was only made larger
 */
export function explain(reference, source = reference) {
  const squares = new Squares({ columns: 12, rows: 2, rings: 3, seed: 3 });
  const stop = restless(squares);
  const waiting = h(
    "div",
    { class: "waits" },
    squares.element,
    h("p", {}, "Looking at what each word did …"),
  );
  const frame = h("iframe", {
    title: `Explanation of ${source}`,
    sandbox: "allow-scripts",
    src: api.explanation(source),
    onload: async () => {
      stop();
      waiting.remove();
      if (statusOf(api.explanation(source)) >= 400)
        frame.replaceWith(await refusal(api.explanation(source)));
      frame.classList.add("loaded");
    },
  });
  const section = h(
    "section",
    { class: "explain", "aria-label": "Explanation" },
    h(
      "header",
      {},
      h(
        "h2",
        {},
        source === reference ? "Explained" : `Explained: ${source}, before it was made larger`,
      ),
      h(
        "a",
        { class: "button quiet", href: api.explanation(source), target: "_blank", rel: "noopener" },
        "Own page",
      ),
      h(
        "button",
        {
          type: "button",
          class: "quiet",
          "aria-label": "Close",
          onclick: () => {
            stop();
            section.remove();
            rename(`picture/${reference}`);
          },
        },
        icon("close"),
      ),
    ),
    waiting,
    frame,
  );
  rename(`picture/${reference}/explain`);
  return section;
}
