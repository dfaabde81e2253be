/** Sheets of paper above the page: native dialogs, which keep the focus and close with Escape. */

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { PromptBox } from "./promptbox.js";

/**
 * Open a dialog; it is gone once closed.
 * @param {string} title
 * @param {(Node|string)[]} content
 * @param {{kind?: string, closed?: () => void}} [options]
 * @returns {{element: HTMLDialogElement, close: () => void}}
 */
export function open(title, content, { kind = "", closed = () => {} } = {}) {
  const close = () => element.close();
  const element = h(
    "dialog",
    {
      class: `paper ${kind}`,
      "aria-label": title,
      onclose: () => {
        element.remove();
        closed();
      },
      onclick: (event) => event.target === element && close(),
    },
    h(
      "div",
      { class: "inside" },
      h("header", {}, h("h2", {}, title)),
      ...content,
      // Last, so that the first thing to do has the focus.
      h(
        "button",
        { type: "button", class: "quiet close", "aria-label": "Close", onclick: close },
        icon("close"),
      ),
    ),
  );
  document.body.append(element);
  element.showModal();
  return { element, close };
}

/** Close what is open: what it was about is not shown any more. */
export function closeAll() {
  for (const element of document.querySelectorAll("dialog.paper[open]")) element.close();
}

/** Ask for a text. Resolves to it, or to null if the dialog was closed. */
export function askText({ title, value = "", go = "Draw", about = "" }) {
  return new Promise((resolve) => {
    let said = null;
    const done = () => {
      said = box.value.trim();
      sheet.close();
    };
    const box = new PromptBox({ label: "Prompt", value, submit: done });
    const sheet = open(
      title,
      [
        about && h("p", { class: "dim" }, about),
        box.element,
        h(
          "p",
          { class: "row end" },
          h("button", { type: "button", class: "main", onclick: done }, go),
        ),
      ].filter(Boolean),
      { closed: () => resolve(said) },
    );
    box.focus();
  });
}

/** Ask for a number from a range. Resolves to it, or to null. */
export function askNumber({ title, label, min, max, step, value, unit = "" }) {
  return new Promise((resolve) => {
    let said = null;
    const shown = h("output", {}, `${value}${unit}`);
    const input = h("input", {
      type: "range",
      min,
      max,
      step,
      value,
      "aria-label": label,
      oninput: () => (shown.textContent = `${input.value}${unit}`),
      onkeydown: (event) => {
        if (event.key !== "Enter") return;
        event.preventDefault(); // or it would press the button that gets the focus back
        done();
      },
    });
    const done = () => {
      said = Number(input.value);
      sheet.close();
    };
    const sheet = open(
      title,
      [
        h("label", { class: "field" }, h("span", {}, label, " ", shown), input),
        h(
          "p",
          { class: "row end" },
          h("button", { type: "button", class: "main", onclick: done }, "Draw"),
        ),
      ],
      { closed: () => resolve(said) },
    );
  });
}

/** Ask whether to go on with what cannot be undone. */
export function confirm(title, about, go) {
  return new Promise((resolve) => {
    let yes = false;
    const done = () => {
      yes = true;
      sheet.close();
    };
    const sheet = open(
      title,
      [
        h("p", { class: "dim" }, about),
        h(
          "p",
          { class: "row end" },
          h("button", { type: "button", onclick: () => sheet.close() }, "Keep it"),
          h("button", { type: "button", class: "main", onclick: done }, go),
        ),
      ],
      { closed: () => resolve(yes) },
    );
  });
}
