/** A picture that is dragged in, pasted or chosen: handed in, then asked what it is for. */

import { act } from "./api.js";
import { describe, show } from "./actions.js";
import { composer } from "./composer.js";
import { open } from "./dialogs.js";
import { find, h, paint } from "./dom.js";
import { icon } from "./icons.js";
import { go } from "./router.js";
import { announce, note, trying } from "./says.js";
import { handIn } from "./uploads.js";
import { startFrom, takeAfter, useSettings } from "./using.js";

const KINDS = ["image/png", "image/jpeg", "image/webp"];

/** Take a file in and show what can be done with it. */
export async function receive(file) {
  if (!KINDS.includes(file.type)) {
    return note(`“${file.name || "This"}” is no PNG, JPEG or WebP picture.`, "bad");
  }
  announce("Reading the picture.");
  const about = await trying(() => handIn(file));
  if (about) sheet(about);
}

function sheet(about) {
  const { picture, prompt, tool, wishes, width, height, name } = about;
  const knows = Boolean(prompt) || Object.keys(wishes ?? {}).length > 0;
  const choose = (label, said, symbol, action, disabled = false) =>
    h(
      "button",
      {
        type: "button",
        class: "way",
        disabled,
        onclick: () => {
          paper.close();
          action();
        },
      },
      icon(symbol),
      h("span", {}, h("b", {}, label), h("small", {}, said)),
    );
  const canvas = h("canvas", { role: "img", "aria-label": name || "Your picture" });
  paint(canvas, about.blob).catch(() => canvas.remove());
  const verb = (what, body) => trying(async () => show(await act(picture, what, body)));
  const paper = open(
    "Your picture",
    [
      h(
        "div",
        { class: "given-sheet" },
        canvas,
        h(
          "div",
          {},
          h("p", { class: "dim" }, [name, `${width} × ${height}`].filter(Boolean).join(" · ")),
          knows
            ? h(
                "p",
                {},
                h("span", { class: "dim" }, tool ? `Made by ${tool}: ` : "Made from: "),
                prompt || "settings only",
              )
            : h("p", { class: "dim" }, "It does not say how it was made."),
        ),
      ),
      h(
        "div",
        { class: "ways" },
        choose(
          "Restore its settings",
          knows ? "Prompt, seed and all that could be read" : "There are none in it",
          "sliders",
          () => restoreFrom(about),
          !knows,
        ),
        choose("Start from it", "The next drawing begins here", "start", () =>
          startFrom(picture, prompt),
        ),
        choose("Take after it", "It speaks beside the prompt", "image", () => takeAfter(picture)),
        choose("Describe it", "Four prompts that fit", "describe", () =>
          describe(picture, (text) => composer.write(text)),
        ),
        choose("Edit it", "Draw a part anew", "brush", () => go(`picture/${picture}/edit`)),
        choose("Vary it", "Four that are like it", "vary", () => verb("vary", { count: 4 })),
        choose("Upscale it", "Twice as large", "upscale", () => verb("upscale", { scale: 2 })),
      ),
    ],
    { kind: "wide" },
  );
}

function restoreFrom({ wishes = {}, prompt }) {
  return useSettings(wishes, { prompt: prompt || wishes.prompt || "", seed: wishes.seed });
}

const pictureIn = (list) => [...(list?.files ?? [])][0];
const carriesFile = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");

/** Listen for pictures, wherever they are dropped or pasted. */
export function listen() {
  const veil = find("#veil");
  let depth = 0;
  const inside = (by) => {
    depth = by === 0 ? 0 : Math.max(0, depth + by);
    veil.hidden = depth === 0;
  };
  addEventListener("dragenter", (event) => carriesFile(event) && inside(1));
  addEventListener("dragleave", (event) => carriesFile(event) && inside(-1));
  addEventListener("dragover", (event) => carriesFile(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    inside(0);
    const file = pictureIn(event.dataTransfer);
    if (!file) return;
    event.preventDefault();
    receive(file);
  });
  addEventListener("paste", (event) => {
    const file = pictureIn(event.clipboardData);
    if (!file) return;
    event.preventDefault();
    receive(file);
  });
  composer.file.addEventListener("change", () => {
    const file = pictureIn(composer.file);
    composer.file.value = "";
    if (file) receive(file);
  });
}
