/**
 * A text box that is read while one types: a layer below it carries the same text and marks the
 * words that the model was not taught; under it, the words it knows nearest to them, to click on.
 */

import * as api from "./api.js";
import { debounced, h } from "./dom.js";

const READ_AFTER_MS = 150;
const SHOWN = 4; // nearest words of each unknown one

const MOST = 2000; // characters that the server takes

let serial = 0;

/** Why a text is too long to be sent, or "". */
export const tooLong = (text) =>
  text.trim().length > MOST
    ? `The prompt has ${text.trim().length} characters; ${MOST} are the most.`
    : "";

/**
 * Say which words are new to the model: a line for each that it reads like others (`and` tells
 * which), and one for all the rest. @returns {(Node|string)[][]} what each line holds
 */
export function strangers(unknown, and) {
  const near = unknown.filter(({ nearest }) => nearest?.length);
  const rest = unknown.filter(({ nearest }) => !nearest?.length);
  const bold = (word) => h("b", {}, word);
  const listed = rest.flatMap(({ word }, index) => [index > 0 && ", ", bold(word)]);
  return [
    ...near.map((one) => [bold(one.word), " is new to the model", ...and(one.nearest, one.word)]),
    ...(rest.length ? [[...listed, `${rest.length > 1 ? " are" : " is"} new to the model.`]] : []),
  ];
}

/** Cut a text at the given words: [[text, kind or null], ...]. Whole words, any case. */
export function cut(text, kinds) {
  const words = [...kinds.keys()].filter(Boolean);
  if (!words.length) return [[text, null]];
  const escaped = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const pattern = new RegExp(`(?<![\\p{L}\\p{N}])(${escaped.join("|")})(?![\\p{L}\\p{N}])`, "giu");
  return text
    .split(pattern)
    .map((piece, index) => [piece, index % 2 ? kinds.get(piece.toLowerCase()) : null])
    .filter(([piece]) => piece);
}

export class PromptBox {
  /**
   * @param {{label: string, placeholder?: string, value?: string, submit: () => void,
   *   changed?: (text: string) => void, id?: string}} options
   */
  constructor({ label, placeholder = "", value = "", submit, changed = () => {}, id }) {
    serial += 1;
    const name = id ?? `prompt-${serial}`;
    this.changed = changed;
    this.layer = h("div", { class: "layer", "aria-hidden": "true" });
    this.area = h("textarea", {
      id: name,
      rows: 1,
      placeholder,
      "aria-label": label,
      "aria-describedby": `${name}-said`,
      autocomplete: "off",
      autocapitalize: "off",
      spellcheck: "false",
      enterkeyhint: "go",
      maxlength: 10000,
      oninput: () => this.typed(),
      onkeydown: (event) => {
        if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
        event.preventDefault();
        submit();
      },
    });
    this.meter = h("span", { class: "meter" });
    // A press in them leaves the cursor in the text, and so them in sight, in every browser.
    this.hints = h("div", { class: "hints", onmousedown: (event) => event.preventDefault() });
    this.hints.id = `${name}-said`;
    this.sheet = h("div", { class: "sheet" }, this.layer, this.area);
    this.element = h("div", { class: "promptbox" }, this.sheet, this.meter, this.hints);
    this.kinds = new Map();
    this.turn = 0;
    this.read = debounced(() => this.ask(), READ_AFTER_MS);
    this.value = value;
  }

  get value() {
    return this.area.value;
  }

  set value(text) {
    this.area.value = text;
    this.typed();
  }

  focus() {
    this.area.focus();
    this.area.setSelectionRange(this.value.length, this.value.length);
  }

  typed() {
    this.mark();
    this.read();
    this.changed(this.value);
  }

  /** Write the layer below: the same text, unknown and lost words in marks. */
  mark() {
    const pieces = cut(this.value, this.kinds).map(([text, kind]) =>
      kind ? h("mark", { class: kind }, text) : text,
    );
    this.layer.replaceChildren(...pieces, "\u200b"); // the last line break needs something after it
  }

  async ask() {
    const text = this.value;
    this.turn += 1;
    const turn = this.turn;
    if (!text.trim()) return this.show({ tokens: 0, limit: 0 });
    if (tooLong(text)) return this.show({ tokens: 0, limit: 0, error: tooLong(text) });
    try {
      const answer = await api.read(text);
      if (turn === this.turn) this.show(answer);
    } catch (error) {
      if (turn !== this.turn || error.status === 0) return;
      this.show({ tokens: 0, limit: 0, error: error.message });
    }
  }

  /** Show what the model makes of the text. */
  show({ tokens, limit, unknown = [], lost = [], expanded = [], error = "" }) {
    const lower = (word) => word.toLowerCase();
    this.kinds = new Map([
      ...unknown.map(({ word }) => [lower(word), "unknown"]),
      ...lost.map((word) => [lower(word), "lost"]),
    ]);
    this.mark();
    const full = tokens > limit || lost.length > 0;
    this.meter.textContent = limit ? `${tokens}/${limit}` : "";
    this.meter.title = limit ? `${tokens} of ${limit} tokens` : "";
    this.meter.classList.toggle("full", full);
    this.hints.replaceChildren(
      ...(error ? [h("p", { class: "refused" }, error)] : []),
      ...strangers(unknown, (nearest, word) => this.instead(nearest, word)).map((said) =>
        h("p", {}, said),
      ),
      ...(lost.length ? [h("p", {}, `Too long: not read from “${lost[0]}” on.`)] : []),
      ...(expanded.length > 1 ? [h("p", {}, `Draws ${expanded.length} prompts.`)] : []),
    );
  }

  /** Buttons that put a word that the model knows in place of one that it does not. */
  instead(nearest, word) {
    const buttons = nearest.slice(0, SHOWN).map((near) =>
      h(
        "button",
        {
          type: "button",
          class: "chip",
          "aria-label": `Replace ${word} by ${near}`,
          onclick: () => this.replace(word, near),
        },
        near,
      ),
    );
    return [". Try", ...buttons];
  }

  replace(word, near) {
    const pieces = cut(this.value, new Map([[word.toLowerCase(), "it"]]));
    this.value = pieces.map(([text, kind]) => (kind ? near : text)).join("");
    this.focus();
  }
}
