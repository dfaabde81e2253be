/** Where a prompt is written: the box, what is set beside it, and the button that draws. */

import * as api from "./api.js";
import { show } from "./actions.js";
import { refuse } from "./controls.js";
import { h, paint } from "./dom.js";
import { icon } from "./icons.js";
import { panel, summary } from "./panel.js";
import { PromptBox, tooLong } from "./promptbox.js";
import { note, trying, working } from "./says.js";
import { shownOf } from "./uploads.js";
import { ask, bodyOf, wish, wished } from "./wish.js";

const DRAFT = "molnar.draft";
const STRENGTH = 0.6; // of a start picture, until it is set

class Composer {
  constructor() {
    this.box = new PromptBox({
      label: "Prompt",
      placeholder: "What shall we draw?",
      id: "prompt",
      value: sessionStorage.getItem(DRAFT) ?? "",
      submit: () => this.draw(),
      changed: (text) => this.changed(text),
    });
    this.panel = panel();
    this.chips = h("div", { class: "chips set" });
    this.pictures = h("div", { class: "pictures" });
    this.fold = h(
      "button",
      {
        type: "button",
        class: "quiet",
        "aria-label": "Settings",
        "aria-expanded": "false",
        "aria-controls": "settings",
        title: "Settings (s)",
        onclick: () => this.toggle(),
      },
      icon("sliders"),
    );
    this.file = h("input", {
      type: "file",
      accept: "image/png,image/jpeg,image/webp",
      hidden: true,
    });
    this.go = h("button", { type: "submit", class: "main" }, "Draw");
    const add = h(
      "button",
      {
        type: "button",
        class: "quiet",
        "aria-label": "Use a picture of yours",
        title: "Use a picture of yours",
        onclick: () => this.file.click(),
      },
      icon("image"),
    );
    this.element = h(
      "form",
      {
        class: "composer",
        "aria-label": "Draw",
        onsubmit: (event) => {
          event.preventDefault();
          this.draw();
        },
      },
      this.pictures,
      h(
        "div",
        { class: "line" },
        this.box.element,
        h("div", { class: "tools" }, add, this.fold, this.go),
        this.box.hints,
      ),
      this.file,
      this.chips,
      this.panel.element,
    );
    wish.addEventListener("change", () => this.showWishes());
    this.showWishes();
    document.addEventListener("pointerdown", (event) => {
      if (this.unfolded && !this.element.contains(event.target)) this.toggle(false);
    });
  }

  get unfolded() {
    return !this.panel.element.hidden;
  }

  /** Unfold or fold the settings. */
  async toggle(unfolded = !this.unfolded) {
    this.panel.element.hidden = !unfolded;
    this.fold.setAttribute("aria-expanded", String(unfolded));
    document.documentElement.classList.toggle("unfolded", unfolded);
    if (!unfolded) return;
    await trying(
      () =>
        (this.built ??= this.panel.build().catch((error) => {
          this.built = null;
          throw error;
        })),
    );
    this.panel.element.querySelector("input:checked, input")?.focus();
  }

  changed(text) {
    sessionStorage.setItem(DRAFT, text);
    this.element?.dispatchEvent(new CustomEvent("prompt", { detail: text }));
  }

  /** Put a prompt into the box, and the cursor behind it. */
  write(text) {
    this.box.value = text;
    this.box.focus();
  }

  /** Draw what is written. */
  async draw() {
    const prompt = this.box.value.trim();
    if (!prompt || this.go.disabled) return this.box.focus();
    if (tooLong(prompt)) return note(tooLong(prompt), "bad");
    // What is typed there counts for nothing: it must not seem to.
    const wrong = this.panel.element.querySelector("input:invalid");
    if (wrong) {
      await this.toggle(true);
      const { field } = wrong.closest("[data-field]").dataset;
      return refuse(this.panel.element, field, wrong.validationMessage);
    }
    this.go.disabled = true;
    try {
      const job = await working(api.draw(bodyOf(prompt)));
      this.toggle(false);
      // So that the keys of the pictures work at once, and hints do not push the pictures down.
      if (this.element.contains(document.activeElement)) document.activeElement.blur();
      show(job);
      const more = job.also?.length;
      if (more === 1) note("One more is drawn after it; see the gallery.");
      else if (more) note(`${more} more are drawn after it; see the gallery.`);
    } catch (error) {
      await this.refused(error);
    } finally {
      this.go.disabled = false;
    }
  }

  async refused(error) {
    const field = error.field?.split(/[.[]/)[0];
    if (field && field !== "prompt") {
      await this.toggle(true);
      if (refuse(this.panel.element, field, error.message)) return;
    }
    const wait = error.retryAfter ? ` Try again in ${error.retryAfter} s.` : "";
    note(error.message + wait, "bad");
  }

  showWishes() {
    this.chips.replaceChildren(
      ...summary().map(([name, words]) =>
        h(
          "button",
          {
            type: "button",
            class: "chip",
            "aria-label": `Take back: ${words}`,
            title: "Take back",
            onclick: () => ask({ [name]: undefined }),
          },
          words,
          icon("close"),
        ),
      ),
    );
    this.pictures.replaceChildren(
      ...this.picture("image", "Start from", "strength", "how much may change", STRENGTH, 1),
      ...this.picture("image_prompt", "Take after", "iw", "weight", 1, 3),
    );
  }

  /** A picture that is wished for, and how much it counts. */
  picture(name, title, amount, about, fallback, most) {
    const reference = wished(name);
    if (!reference) return [];
    const input = h("input", {
      type: "range",
      min: 0,
      max: most,
      step: 0.05,
      value: wished(amount) ?? fallback,
      "aria-label": `${title}: ${about}`,
      // Told when it comes to rest: to tell all wishes anew would replace the slider in the hand.
      oninput: () => (shown.textContent = input.value),
      onchange: () => ask({ [amount]: input.valueAsNumber }),
    });
    const shown = h("output", {}, input.value);
    return [
      h(
        "figure",
        { class: "given" },
        pictureOf(reference),
        h("figcaption", {}, h("b", {}, title), h("label", {}, about, " ", shown, input)),
        h(
          "button",
          {
            type: "button",
            class: "quiet",
            "aria-label": `${title}: take back`,
            onclick: () => ask({ [name]: undefined, [amount]: undefined }),
          },
          icon("close"),
        ),
      ),
    ];
  }

  /** Use a picture beside the next prompt. @param {"image"|"image_prompt"} name */
  use(name, reference) {
    const amount = name === "image" ? { strength: STRENGTH } : {};
    ask({ [name]: reference, ...amount });
    this.box.focus();
  }
}

/** A small picture of a reference, from the history or just handed in. */
export function pictureOf(reference) {
  const blob = shownOf(reference);
  if (!blob) return h("img", { src: api.thumbnail(reference), alt: "", width: 64, height: 64 });
  const canvas = h("canvas", { role: "img", "aria-label": "your picture" });
  paint(canvas, blob);
  return canvas;
}

export const composer = new Composer();
