/** A few choices side by side of which one holds, as radio buttons that look like a row of keys. */

import { h } from "./dom.js";

let serial = 0;

/**
 * @param {string} label of the group
 * @param {[any, string|Node, string?][]} choices value, face, and how it is spoken
 * @param {any} value the first one
 * @param {(value: any) => void} changed
 * @returns {{element: HTMLElement, put: (value: any) => void,
 *   show: (value: any) => void}} `show` tells nobody
 */
export function choiceOf(label, choices, value, changed) {
  serial += 1;
  const name = `choice-${serial}`;
  const inputs = choices.map(([one, , spoken]) =>
    h("input", {
      type: "radio",
      name,
      checked: one === value,
      "aria-label": spoken,
      onchange: () => changed(one),
    }),
  );
  const show = (wanted) =>
    choices.forEach(([one], index) => (inputs[index].checked = one === wanted));
  const put = (wanted) => {
    show(wanted);
    changed(wanted);
  };
  const element = h(
    "fieldset",
    {},
    h("legend", {}, label),
    h(
      "div",
      { class: "choices" },
      ...choices.map(([, face, spoken], index) =>
        h("label", { class: "choice", title: spoken }, inputs[index], h("span", {}, face)),
      ),
    ),
  );
  return { element, put, show };
}
