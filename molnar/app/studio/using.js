/** From a picture back to the prompt: its settings, itself as a start, or itself as a prompt. */

import { composer } from "./composer.js";
import { note, trying } from "./says.js";
import { fields, restore } from "./wish.js";

/** Put a prompt and its settings into the composer. */
export function useSettings(request, { prompt = request.prompt, seed = request.seed } = {}) {
  return trying(async () => {
    restore(request, await fields(), seed);
    composer.write(prompt ?? "");
    note("Prompt and settings are in the box.");
  });
}

/** Start the next drawing from a picture. */
export function startFrom(reference, prompt = "") {
  composer.use("image", reference);
  if (prompt && !composer.box.value.trim()) composer.write(prompt);
  note("The next drawing starts from this picture.");
}

/** Let a picture speak beside the next prompt. */
export function takeAfter(reference) {
  composer.use("image_prompt", reference);
  note("The next drawing takes after this picture.");
}
