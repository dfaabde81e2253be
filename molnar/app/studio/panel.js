/** The settings of the next drawing, folded away until wanted. */

import { check, choice, number, select, several, slider, text } from "./controls.js";
import { h, svg } from "./dom.js";
import { applyTheme, set, setting, settings } from "./settings.js";
import { ask, fields, reset, wish, wished } from "./wish.js";

const SHAPES = ["1:1", "4:3", "3:2", "16:9", "3:4", "2:3", "9:16"];
const COUNTS = [1, 2, 4, 8];

/** A shape as a small rectangle of its proportions. */
function shape(ratio) {
  const [across, down] = ratio.split(":").map(Number);
  const scale = 20 / Math.max(across, down);
  const [width, height] = [across * scale, down * scale];
  return h(
    "span",
    { class: "shape" },
    svg(
      "svg",
      { viewBox: "0 0 24 24", "aria-hidden": "true" },
      svg("rect", { x: 12 - width / 2, y: 12 - height / 2, width, height }),
    ),
    ratio,
  );
}

function first(schema) {
  const size = (changes) => ask({ width: undefined, height: undefined, ar: undefined, ...changes });
  const ratio = () => {
    if (wished("ar")) return wished("ar");
    return wished("width") || wished("height") ? "exact" : "1:1";
  };
  return h(
    "div",
    { class: "settings" },
    choice(
      "ar",
      "Shape",
      SHAPES.map((one) => [one, shape(one), one]),
      {
        get: ratio,
        put: (one) => size({ ar: one === "1:1" ? undefined : one }),
      },
    ),
    choice(
      "quality",
      "Quality",
      (schema.quality?.enum ?? []).map((one) => [one, one]),
      {
        fallback: schema.quality?.default ?? "normal",
      },
    ),
    choice(
      "count",
      "Pictures",
      COUNTS.map((one) => [one, String(one)]),
      { fallback: 4 },
    ),
    number("seed", "Seed", schema.seed, { placeholder: "random", dice: true }),
    text("negative_prompt", "Without", schema.negative_prompt, "e.g. a background"),
    h(
      "div",
      { class: "checks" },
      check("transparent", "Transparent", schema.transparent),
      check("tile", "Tile", schema.tile),
    ),
  );
}

function styles(schema) {
  const names = (schema.styles ?? []).map((one) => one.name);
  return names.length ? several("styles", "Style", names) : null;
}

function more(schema) {
  return h(
    "details",
    { class: "more" },
    h("summary", {}, "More"),
    h(
      "div",
      { class: "settings" },
      number("width", "Width", schema.width, { placeholder: String(schema.width.default) }),
      number("height", "Height", schema.height, { placeholder: String(schema.height.default) }),
      number("steps", "Steps", schema.steps),
      number("guidance", "Guidance", schema.guidance),
      select("sampler", "Sampler", schema.sampler),
      select("schedule", "Schedule", schema.schedule),
      slider("chaos", "Chaos", schema.chaos, { fallback: 0, step: 1 }),
      slider("stop", "Stop", schema.stop, { fallback: 100, step: 5, unit: " %" }),
      number("best_of", "Best of", schema.best_of, { placeholder: "1" }),
    ),
  );
}

/** What this browser remembers, rather than the drawing. */
function habits() {
  const remix = h("input", { type: "checkbox", onchange: () => set("remix", remix.checked) });
  const follow = () => (remix.checked = setting("remix"));
  settings.addEventListener("change", follow);
  follow();
  const kept = (name, label, choices, after = () => {}) =>
    choice(name, label, choices, {
      get: () => setting(name),
      put: (value) => {
        set(name, value);
        after();
      },
    });
  return h(
    "div",
    { class: "settings habits" },
    h(
      "label",
      { class: "check" },
      remix,
      h("span", {}, "Remix", h("small", {}, "Vary, reroll, pan and zoom open the prompt first.")),
    ),
    kept("strong", "V draws", [
      [false, "subtle"],
      [true, "strong"],
    ]),
    kept(
      "theme",
      "Paper",
      [
        ["auto", "auto"],
        ["light", "light"],
        ["dark", "dark"],
      ],
      applyTheme,
    ),
  );
}

/** Make the panel; it fills itself once the server has told its fields. */
export function panel() {
  const element = h("section", {
    class: "panel",
    id: "settings",
    "aria-label": "Settings",
    hidden: true,
  });
  const build = async () => {
    const schema = await fields();
    const back = h(
      "button",
      { type: "button", class: "quiet", onclick: reset },
      "As the model thinks best",
    );
    wish.addEventListener("change", () => (back.disabled = !summary().length));
    back.disabled = !summary().length;
    element.replaceChildren(
      ...[
        first(schema),
        styles(schema),
        more(schema),
        h("hr"),
        habits(),
        h("p", { class: "row end" }, back),
      ].filter(Boolean),
    );
  };
  return { element, build };
}

const NAMES = {
  ar: "",
  quality: "",
  count: "",
  negative_prompt: "without ",
  transparent: "transparent",
  tile: "tile",
  seed: "seed ",
  steps: "steps ",
  guidance: "guidance ",
  sampler: "",
  schedule: "",
  chaos: "chaos ",
  stop: "stop ",
  best_of: "best of ",
  styles: "",
  width: "width ",
  height: "height ",
  literal: "literal",
  guides: "guided by ",
};

/** What is wished for, in words: [[field, words], ...]. */
export function summary() {
  return Object.entries(NAMES).flatMap(([name, words]) => {
    const value = wished(name);
    if (value === undefined) return [];
    const said = value === true ? "" : [value].flat().map(named).join(", ");
    return [[name, name === "count" ? `${value} at once` : words + said]];
  });
}

/** A value in words: of what guides, the name of its model. */
const named = (value) => value.model ?? value;
