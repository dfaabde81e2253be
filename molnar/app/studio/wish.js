/**
 * The settings of the next drawing: only what differs from the model's own choice, so that an
 * empty wish is "as you think best". They stay until changed; the prompt is no part of them.
 */

import * as api from "./api.js";
import { recall, remember } from "./dom.js";
import { set, setting } from "./settings.js";

const COUNT = 4; // a grid, which no other number of pictures is
const ONCE = ["image", "strength", "image_prompt", "iw", "guides"]; // not kept from visit to visit
const KEPT = "molnar.once";

export const wish = new EventTarget();

let values = { ...setting("wish"), ...recall(KEPT, {}) };

/** What is wished for a field, or undefined. */
export const wished = (name) => values[name];

/** All that is wished for. */
export const wishes = () => ({ ...values });

/** Wish for values; undefined takes a wish back. */
export function ask(changes) {
  const merged = { ...values, ...changes };
  values = Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== undefined));
  const entries = Object.entries(values);
  set("wish", Object.fromEntries(entries.filter(([name]) => !ONCE.includes(name))));
  remember(KEPT, Object.fromEntries(entries.filter(([name]) => ONCE.includes(name))));
  wish.dispatchEvent(new Event("change"));
}

/** Take all wishes back. */
export function reset() {
  values = {};
  ask({});
}

/** The body of POST /api/jobs: these wishes for a prompt. */
export function bodyOf(prompt) {
  const { count = COUNT, ...rest } = values;
  return { prompt, ...rest, count, ...(count === COUNT ? { grid: true } : {}) };
}

let asked = null;

/**
 * Limits, defaults and help of every field, as the server tells them.
 * @returns {Promise<Object<string, {description: string, minimum?: number, maximum?: number,
 *   multipleOf?: number, enum?: string[], default?: any}>>}
 */
export function fields() {
  asked ??= api
    .fields()
    .then((told) => ({ ...told.fields, styles: told.styles }))
    .catch((error) => {
      asked = null;
      throw error;
    });
  return asked;
}

// What of a finished request is a wish: the rest (plan, mask, variations ...) belongs to its verb.
const RESTORED = [
  "negative_prompt",
  "width",
  "height",
  "steps",
  "guidance",
  "sampler",
  "schedule",
  "transparent",
  "quality",
  "tile",
  "chaos",
  "stop",
  "literal",
];

/** Wish for what a request had, and its seed. `schema` says which values need no wish. */
export function restore(request, schema, seed = request.seed) {
  reset();
  const differs = RESTORED.filter((name) => {
    const value = request[name];
    return value != null && value !== schema[name]?.default;
  });
  const changes = Object.fromEntries(differs.map((name) => [name, request[name]]));
  // A model that the command line named by its path has no name here.
  const guides = (request.guides ?? []).filter(({ model }) => !/^([~/.\\]|\w:)/.test(model));
  if (guides.length > 0) changes.guides = guides;
  ask({ ...changes, ...(seed == null ? {} : { seed }) });
}
