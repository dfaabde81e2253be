/** Controls of the settings: each shows a wish, changes it, and can be told why it was refused. */

import { choiceOf } from "./choice.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { ask, wish, wished } from "./wish.js";

let serial = 0;

/** A label, its control and its help in one field. */
function field(name, label, control, help) {
  serial += 1;
  const id = `field-${serial}`;
  const about = h("small", { id: `${id}-help` }, help);
  control.id ||= id;
  control.setAttribute("aria-describedby", about.id);
  return h(
    "div",
    { class: "field", dataset: { field: name } },
    h("label", { for: control.id }, label),
    control,
    about,
  );
}

const follow = (show) => {
  wish.addEventListener("change", show);
  show();
};

/** Choices side by side. @param {[any, string|Node, string?][]} choices value, face, spoken name */
export function choice(name, label, choices, { fallback, get, put } = {}) {
  const read = get ?? (() => wished(name) ?? fallback);
  const write = put ?? ((value) => ask({ [name]: value === fallback ? undefined : value }));
  const made = choiceOf(label, choices, read(), write);
  made.element.dataset.field = name;
  follow(() => made.show(read()));
  return made.element;
}

/** A number in its limits; empty leaves it to the model. */
export function number(name, label, schema, { placeholder = "model's choice", dice = false } = {}) {
  const { minimum, maximum, multipleOf, description } = schema;
  const whole = [schema.type].flat().includes("integer");
  const input = h("input", {
    type: "number",
    min: minimum,
    max: maximum,
    step: multipleOf ?? (whole ? 1 : "any"),
    placeholder: placeholder ?? "",
    inputmode: whole ? "numeric" : "decimal",
    oninput: () => {
      const value = input.valueAsNumber;
      if (input.checkValidity()) ask({ [name]: input.value === "" ? undefined : value });
    },
    // While one types, a number may be on its way into its limits; when one is done, it is not.
    onchange: () => {
      const said = input.validationMessage;
      if (said) refuse(element.parentElement, name, said, { focus: false });
    },
  });
  follow(() => {
    const value = wished(name);
    if (document.activeElement !== input) input.value = value ?? "";
  });
  const range = minimum === undefined || dice ? "" : ` ${minimum} to ${maximum}.`;
  const element = field(name, label, input, `${description ?? ""}${range}`);
  if (dice) {
    const roll = h(
      "button",
      {
        type: "button",
        class: "quiet",
        "aria-label": "A random seed, kept",
        onclick: () => ask({ [name]: crypto.getRandomValues(new Uint32Array(1))[0] }),
      },
      icon("dice"),
    );
    const both = h("span", { class: "with" });
    input.replaceWith(both);
    both.append(input, roll);
  }
  return element;
}

/** A slider with its value beside the label. */
export function slider(name, label, schema, { fallback, step, unit = "" }) {
  const shown = h("output", {});
  const input = h("input", {
    type: "range",
    min: schema.minimum,
    max: schema.maximum,
    step,
    oninput: () => {
      const value = input.valueAsNumber;
      ask({ [name]: value === fallback ? undefined : value });
    },
  });
  const element = field(name, label, input, schema.description ?? "");
  element.firstChild.append(" ", shown);
  follow(() => {
    input.value = wished(name) ?? fallback;
    shown.textContent = `${wished(name) ?? fallback}${unit}`;
  });
  return element;
}

/** One of several names; the first is the model's own choice. */
export function select(name, label, schema) {
  const names = (schema.enum ?? []).filter((one) => one !== null);
  const input = h(
    "select",
    {
      onchange: () => ask({ [name]: input.value || undefined }),
    },
    h("option", { value: "" }, "model's choice"),
    ...names.map((one) => h("option", { value: one }, one)),
  );
  follow(() => (input.value = wished(name) ?? ""));
  return field(name, label, input, schema.description ?? "");
}

/** Yes or no. */
export function check(name, label, schema) {
  const input = h("input", {
    type: "checkbox",
    onchange: () => ask({ [name]: input.checked || undefined }),
  });
  follow(() => (input.checked = Boolean(wished(name))));
  return h(
    "label",
    { class: "check", dataset: { field: name } },
    input,
    h("span", {}, label, h("small", {}, schema.description ?? "")),
  );
}

/** A text. */
export function text(name, label, schema, placeholder) {
  const input = h("input", {
    type: "text",
    placeholder,
    maxlength: schema.maxLength ?? 2000,
    autocomplete: "off",
    oninput: () => ask({ [name]: input.value || undefined }),
  });
  follow(() => {
    if (document.activeElement !== input) input.value = wished(name) ?? "";
  });
  return field(name, label, input, schema.description ?? "");
}

/** Any number of names, as chips that stay pressed. */
export function several(name, label, names) {
  const chips = names.map((one) => {
    const button = h(
      "button",
      {
        type: "button",
        class: "chip",
        onclick: () => {
          const now = wished(name) ?? [];
          const next = now.includes(one) ? now.filter((other) => other !== one) : [...now, one];
          ask({ [name]: next.length ? next : undefined });
        },
      },
      one,
    );
    follow(() => button.setAttribute("aria-pressed", String((wished(name) ?? []).includes(one))));
    return button;
  });
  return h(
    "fieldset",
    { dataset: { field: name } },
    h("legend", {}, label),
    h("div", { class: "chips" }, ...chips),
  );
}

/** Mark the control of a field with what was wrong, until it changes. */
export function refuse(panel, name, message, { focus = true } = {}) {
  const place = panel.querySelector(`[data-field="${CSS.escape(name)}"]`);
  if (!place) return false;
  const said = h("p", { class: "refused", role: "alert" }, message);
  const input = place.querySelector("input, select");
  place.querySelector(".refused")?.remove();
  place.append(said);
  place.closest("details")?.setAttribute("open", "");
  input?.setAttribute("aria-invalid", "true");
  if (focus) input?.focus();
  const settle = () => {
    said.remove();
    input?.removeAttribute("aria-invalid");
    place.removeEventListener("input", settle);
  };
  place.addEventListener("input", settle);
  return true;
}
