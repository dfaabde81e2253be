/**
 * What can be done with a picture, each as one call that ends at the new job. With remix on, the
 * prompt is opened for editing before anything is drawn.
 */

import * as api from "./api.js";
import { askNumber, askText, confirm, open } from "./dialogs.js";
import { h, parts } from "./dom.js";
import { forget, get, learn } from "./jobs.js";
import { go } from "./router.js";
import { note, trying } from "./says.js";
import { set, setting } from "./settings.js";

const GRID = 4;

/** Take in a new job and show it. */
export function show(job) {
  learn(job);
  go(`job/${job.id}`);
}

async function promptOf(reference) {
  const [job] = parts(reference);
  return job ? (await get(job)).job.prompt : "";
}

/** Use a verb; `remixed` verbs ask for the prompt first if remix is on. */
async function use(reference, verb, body, remixed = null) {
  if (remixed && setting("remix")) {
    const before = await promptOf(reference);
    const prompt = await askText({
      title: remixed,
      value: before,
      about: "Remix: change the words first.",
    });
    if (prompt === null) return;
    if (prompt && prompt !== before) body = { ...body, prompt };
  }
  await trying(async () => show(await api.act(reference, verb, body)));
}

export const vary = (reference, strong = setting("strong")) =>
  use(reference, "vary", { strong, count: GRID }, strong ? "Vary strongly" : "Vary subtly");

export const upscale = (reference, scale = 2, creative = false) =>
  use(reference, "upscale", { scale, creative });

export const zoom = (reference, factor) =>
  use(reference, "zoom", { factor }, `Zoom out ${factor}×`);

/** Zoom out by any factor. */
export async function zoomCustom(reference) {
  const factor = await askNumber({
    title: "Zoom out",
    label: "How far",
    min: 1.1,
    max: 2,
    step: 0.1,
    value: 1.3,
    unit: "×",
  });
  if (factor) await zoom(reference, factor);
}

export const pan = (reference, way) => use(reference, "pan", { way }, `Pan ${way}`);
export const square = (reference) => use(reference, "square", {}, "Make square");
export const again = (reference) => use(reference, "again", {}, "Draw again");

/** Blend pictures into four new ones. */
export const blend = (references) =>
  trying(async () => show(await api.blend(references, { count: GRID })));

/** Mark or unmark a favourite. Resolves to what it is now. */
export async function favour(reference) {
  const [id, number] = parts(reference);
  const live = await get(id);
  const picture = live.picture(number);
  const yes = !picture.favourite;
  const done = await trying(() => api.favour(reference, yes).then(() => true));
  if (!done) return picture.favourite;
  picture.favourite = yes;
  live.tell("favourite");
  note(yes ? "A favourite." : "No favourite any more.");
  return yes;
}

/** Delete a picture, or its job when it is the last one, after asking. */
export async function remove(reference) {
  const [id, number] = parts(reference);
  const live = await get(id);
  const last = live.job.pictures.length < 2;
  const sure = await confirm(
    "Delete this picture?",
    "Its file is deleted too. There is no undo.",
    "Delete",
  );
  if (!sure) return;
  await trying(async () => {
    await (last ? api.removeJob(id) : api.removePicture(reference));
    if (last) forget(id);
    else {
      live.job = {
        ...live.job,
        pictures: live.job.pictures.filter((one) => one.number !== number),
      };
      live.tell("refreshed");
    }
    go(last ? "gallery" : `job/${id}`);
    note("Deleted.");
  });
}

/** Show four prompts that describe a picture; each is a button. `choose` gets the text. */
export async function describe(reference, choose) {
  const { hash } = location;
  const answer = await trying(() => api.describe(reference));
  if (!answer || location.hash !== hash) return; // gone on to something else meanwhile
  const sheet = open("It looks like", [
    h(
      "ol",
      { class: "said-list" },
      ...answer.prompts.map((prompt) =>
        h(
          "li",
          {},
          h(
            "button",
            {
              type: "button",
              onclick: () => {
                sheet.close();
                choose(prompt);
              },
            },
            prompt,
          ),
        ),
      ),
    ),
    h("p", { class: "dim" }, "Choose one to put it into the prompt."),
  ]);
}

/**
 * What a picture was drawn with: its own request and seed, or of an upscale, which only makes
 * larger, those of the picture that it came from. @returns {Promise<[Object, number]>}
 */
export async function drawnWith(job, picture) {
  const from = job.verb === "upscale" ? job.parents?.[0]?.reference : undefined;
  const [id, number] = parts(from ?? "");
  const live = id && (await get(id).catch(() => null));
  const source = live?.picture(number);
  return source ? drawnWith(live.job, source) : [job.request, picture.seed];
}

/** A request as a prompt with flags, which the prompt box, the command line and others read. */
export function written(request, seed) {
  const { prompt, negative_prompt: no, height, width, chaos, stop, tile } = request;
  const common = (a, b) => (b ? common(b, a % b) : a);
  const by = common(width, height) || 1;
  const flags = [
    ["ar", width !== height && `${width / by}:${height / by}`],
    ["seed", seed ?? request.seed],
    ["no", no],
    ["chaos", chaos || false],
    ["stop", stop !== 100 && stop],
    ["tile", tile && ""],
  ];
  const said = flags.filter(
    ([, value]) => value !== false && value != null && (value !== "" || tile),
  );
  return [
    prompt,
    ...said
      .filter(([name, value]) => name !== "no" || value)
      .map(([name, value]) => `--${name} ${value}`.trim()),
  ].join(" ");
}

/** Copy a text; says so. */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    note("Copied: prompt and settings as one line.");
  } catch {
    open("Settings", [h("p", { class: "dim" }, "Copy this line:"), h("pre", {}, text)]);
  }
}

/** Turn remix on or off. */
export function toggleRemix() {
  set("remix", !setting("remix"));
  note(setting("remix") ? "Remix: prompts open before they are drawn." : "Remix is off.");
}
