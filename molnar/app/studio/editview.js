/** Draw a part of a picture anew: a brush, words that find the part, and what it shall show. */

import * as api from "./api.js";
import { show } from "./actions.js";
import { Brush } from "./brush.js";
import { choiceOf } from "./choice.js";
import { h, paint, parts, vary } from "./dom.js";
import { icon } from "./icons.js";
import { get } from "./jobs.js";
import { PromptBox } from "./promptbox.js";
import { go } from "./router.js";
import { announce, note, trying } from "./says.js";
import { shownOf } from "./uploads.js";

const FEATHER = 8; // pixels, the server's default

class EditView {
  constructor(reference, canvas, prompt) {
    this.reference = reference;
    this.brush = new Brush(canvas.width, canvas.height);
    this.words = "";
    this.count = 4;
    this.box = new PromptBox({
      label: "What the region shall show",
      placeholder: "What shall be there?",
      value: "",
      submit: () => this.draw(),
    });
    this.feather = h("input", {
      type: "range",
      min: 0,
      max: 64,
      step: 1,
      value: FEATHER,
      "aria-label": "Soft edge, in pixels",
    });
    this.size = h("input", {
      type: "range",
      min: 2,
      max: 40,
      step: 1,
      value: 14,
      "aria-label": "Brush size",
      oninput: () => {
        this.brush.size = this.size.valueAsNumber / 100;
        this.brush.hint([this.brush.width / 2, this.brush.height / 2]);
      },
    });
    this.tools = choiceOf(
      "Tool",
      [
        ["paint", h("span", {}, icon("brush"), "Paint"), "Paint (b)"],
        ["erase", h("span", {}, icon("erase"), "Erase"), "Erase (x)"],
        ["rectangle", h("span", {}, icon("rectangle"), "Rectangle"), "Rectangle (t)"],
      ],
      "paint",
      (tool) => (this.brush.tool = tool),
    );
    this.found = h("input", {
      type: "text",
      placeholder: "e.g. beret",
      "aria-label": "Select by word",
      maxlength: 200,
      autocomplete: "off",
      onkeydown: (event) => {
        if (event.key !== "Enter") return;
        event.preventDefault();
        this.find();
      },
    });
    this.go = h(
      "button",
      { type: "button", class: "main", onclick: () => this.draw() },
      "Draw the region",
    );
    this.brush.addEventListener("change", () => {
      this.size.value = Math.round(100 * this.brush.size);
    });
    this.element = h("article", { class: "picture edit" }, this.stage(canvas), this.side(prompt));
  }

  stage(canvas) {
    const board = h(
      "div",
      { class: "board" },
      h("div", { class: "canvas" }, canvas, this.brush.element),
    );
    vary(board, { "--ratio": canvas.width / canvas.height });
    return h("div", { class: "stage" }, board);
  }

  side(prompt) {
    const button = (label, name, action, title) =>
      h("button", { type: "button", title, onclick: action }, icon(name), h("span", {}, label));
    const counts = choiceOf(
      "Pictures",
      [
        [1, "1"],
        [4, "4"],
      ],
      4,
      (count) => (this.count = count),
    );
    return h(
      "aside",
      { class: "about", "aria-label": "Region" },
      h("p", { class: "eyebrow" }, `${this.reference.slice(0, 14)} · edit`),
      h("h1", {}, "Which part shall change?"),
      h(
        "div",
        { class: "settings" },
        this.tools.element,
        h(
          "div",
          { class: "row" },
          button("Invert", "invert", () => this.brush.invert(), "Invert (i)"),
          button("Undo", "undo", () => this.brush.undo(), "Undo (Ctrl z)"),
          button("Clear", "close", () => this.clear(), "Clear"),
        ),
        h("label", { class: "field" }, h("span", {}, "Brush"), this.size),
        h(
          "div",
          { class: "field" },
          h("span", { class: "label" }, "Select by word"),
          h(
            "span",
            { class: "with" },
            this.found,
            h("button", { type: "button", onclick: () => this.find() }, icon("where"), "Select"),
          ),
        ),
        h("hr"),
        this.box.element,
        prompt && h("p", { class: "dim" }, "Now: ", prompt),
        h(
          "div",
          { class: "pair" },
          counts.element,
          h("label", { class: "field" }, h("span", {}, "Soft edge"), this.feather),
        ),
      ),
      h(
        "p",
        { class: "row end" },
        h("button", { type: "button", onclick: () => this.back() }, "Cancel"),
        this.go,
      ),
    );
  }

  clear() {
    this.words = "";
    this.brush.clear();
  }

  /** Paint what some words name, as far as the model sees it. */
  find() {
    const words = this.found.value.trim();
    if (!words) return this.found.focus();
    return trying(async () => {
      announce("Looking.");
      const { picture } = await api.where(this.reference, words);
      try {
        await this.brush.add(await api.bytes(picture));
        announce(`Selected: ${words}.`);
      } catch (error) {
        if (error.status === 0) throw error;
        // A server that does not show masks still finds the words by itself when it draws.
        this.words = words;
        note(`“${words}” will be found when it is drawn.`);
      }
    });
  }

  draw() {
    if (this.brush.empty && !this.words) {
      note("Paint over what shall change first, or select it by a word.", "bad");
      return this.brush.canvas.focus();
    }
    this.go.disabled = true;
    return trying(async () => {
      const where = this.brush.empty
        ? { where: this.words }
        : { mask: (await api.upload(await this.brush.toBlob())).picture };
      const prompt = this.box.value.trim();
      show(
        await api.act(this.reference, "edit", {
          ...where,
          ...(prompt ? { prompt } : {}),
          count: this.count,
          feather: this.feather.valueAsNumber,
        }),
      );
    }).finally(() => (this.go.disabled = false));
  }

  back() {
    go(this.reference.startsWith("sha256:") ? "" : `picture/${this.reference}`);
  }

  get keys() {
    return {
      b: () => this.tools.put("paint"),
      x: () => this.tools.put("erase"),
      t: () => this.tools.put("rectangle"),
      i: () => this.brush.invert(),
      "[": () => this.brush.grow(1 / 1.25),
      "]": () => this.brush.grow(1.25),
      Escape: () => this.back(),
    };
  }
}

function undoes(view) {
  return (event) => {
    const typed = event.target.closest?.("textarea, input[type=text]");
    if (typed || event.key !== "z" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    view.brush.undo();
  };
}

/** Show the editor of a picture, of the history or handed in. */
export async function editView([, reference]) {
  const [id] = parts(reference);
  const prompt = id ? (await get(id)).job.prompt : "";
  const canvas = h("canvas", { class: "under", role: "img", "aria-label": `Picture ${reference}` });
  await paint(canvas, shownOf(reference) ?? (await api.bytes(reference)));
  const view = new EditView(reference, canvas, prompt);
  const undo = undoes(view);
  document.addEventListener("keydown", undo);
  return {
    element: view.element,
    keys: view.keys,
    title: "Edit",
    close: () => document.removeEventListener("keydown", undo),
  };
}
