/** A job: its pictures as they come, and under them what can be done with each. */

import * as api from "./api.js";
import { again, copy, upscale, vary, written } from "./actions.js";
import { composer } from "./composer.js";
import { h, vary as style } from "./dom.js";
import { icon } from "./icons.js";
import { get, lookAt, lookAway } from "./jobs.js";
import { strangers } from "./promptbox.js";
import { go } from "./router.js";
import { announce, quarters, sentence, trying } from "./says.js";
import { setting } from "./settings.js";
import { Slots } from "./slots.js";
import { Squares } from "./squares.js";
import { useSettings } from "./using.js";
import { ask, reset, wishes } from "./wish.js";

const OVER = { failed: "This did not work", cancelled: "Cancelled" };

class JobView {
  constructor(live) {
    this.live = live;
    this.slots = new Slots(live);
    this.said = quarters();
    this.bar = h("div", {
      class: "bar",
      role: "progressbar",
      "aria-label": "Progress",
      "aria-valuemin": 0,
      "aria-valuemax": 100,
    });
    this.state = h("p", { class: "state" });
    this.rows = h("div", { class: "rows" });
    this.about = h("aside", { class: "about", "aria-label": "About this job" });
    this.element = h(
      "article",
      { class: "job" },
      h("div", { class: "stage" }, this.slots.element, this.rows),
      this.about,
    );
    this.slots.element.append(this.bar);
    this.news = (event) => this.show(event.detail);
    live.addEventListener("change", this.news);
    lookAt(live);
    this.show("first");
  }

  close() {
    this.live.removeEventListener("change", this.news);
    lookAway(this.live);
  }

  show(kind) {
    const { live } = this;
    this.slots.show(live);
    this.bar.hidden = !live.open;
    style(this.bar, { "--done": live.fraction });
    this.bar.setAttribute("aria-valuenow", Math.round(100 * live.fraction));
    if (kind === "step") {
      this.said(live.fraction);
      this.state.textContent = this.told();
      return;
    }
    if (kind === "done") this.finished();
    this.actions();
    this.tell();
  }

  finished() {
    const { pictures } = this.live.job;
    announce(
      pictures.length === 1 ? "The picture is ready." : `${pictures.length} pictures are ready.`,
    );
    if (pictures.length === 1) go(`picture/${pictures[0].reference}`, { instead: true });
  }

  told() {
    const { live } = this;
    if (live.job.state === "queued") {
      return live.position > 1 ? `Waiting: ${live.position - 1} before it` : "Waiting for its turn";
    }
    return live.open
      ? `Drawing ${Math.round(100 * live.fraction)} %`
      : (OVER[live.job.state] ?? "");
  }

  /** The rows of U and V under the grid, or how to cancel. */
  actions() {
    const { live } = this;
    if (live.open) {
      const cancel = h(
        "button",
        { type: "button", onclick: () => this.cancel() },
        icon("close"),
        "Cancel",
        h("kbd", {}, "Esc"),
      );
      return this.rows.replaceChildren(cancel);
    }
    const { pictures } = live.job;
    const reroll = h(
      "button",
      {
        type: "button",
        class: "again",
        title: "Draw again with another seed (r)",
        "aria-label": "Draw again",
        onclick: () => this.again(),
      },
      icon("again"),
    );
    if (!pictures.length)
      return this.rows.replaceChildren(
        new Squares({ columns: 3, rings: 4, seed: live.job.id.length, accents: 1 }).element,
        // A prompt can be drawn again from here; a verb, where its picture is.
        live.job.verb === "make"
          ? h("button", { type: "button", onclick: () => this.retry() }, icon("again"), "Try again")
          : h("button", { type: "button", onclick: back }, "Back to the picture"),
      );
    const row = (letter, verb, title) => [
      h("span", { class: "dim" }, letter === "U" ? "Upscale" : "Vary"),
      ...pictures.map((one) =>
        h(
          "button",
          {
            type: "button",
            title: `${title} ${one.number} (${letter.toLowerCase()}, ${one.number})`,
            "aria-label": `${letter}${one.number}: ${title.toLowerCase()} picture ${one.number}`,
            onclick: () => verb(one.reference),
          },
          `${letter}${one.number}`,
        ),
      ),
    ];
    this.rows.replaceChildren(
      h(
        "div",
        { class: "urow", role: "group", "aria-label": "Upscale" },
        ...row("U", (one) => upscale(one), "Upscale"),
        reroll,
      ),
      h(
        "div",
        { class: "urow", role: "group", "aria-label": "Vary" },
        ...row("V", (one) => vary(one), setting("strong") ? "Vary strongly" : "Vary subtly"),
      ),
    );
  }

  tell() {
    const { job } = this.live;
    this.state.textContent = this.told();
    this.about.replaceChildren(
      ...[
        h("p", { class: "eyebrow" }, `${job.id} · ${job.verb}`),
        h("h1", {}, job.prompt || job.verb),
        this.state,
        job.error && h("p", { class: "reason" }, sentence(job.error)),
        ...(job.notes ?? []).map((line) => h("p", { class: "dim" }, line)),
        ...strangers(job.unknown ?? [], (nearest) => [
          `; it is read like ${nearest.slice(0, 3).join(", ")}.`,
        ]).map((said) => h("p", { class: "dim" }, said)),
        parentsOf(job),
        job.pictures.length > 0 && facts(job),
        job.pictures.length > 0 &&
          h(
            "p",
            { class: "row" },
            h(
              "button",
              { type: "button", onclick: () => useSettings(job.request, { prompt: job.prompt }) },
              icon("sliders"),
              "Use settings",
            ),
            h(
              "button",
              { type: "button", onclick: () => copy(written(job.request)) },
              icon("copy"),
              "Copy settings",
            ),
          ),
      ].filter(Boolean),
    );
  }

  cancel() {
    if (!this.live.open) return;
    trying(async () => {
      const job = await api.cancel(this.live.job.id);
      this.live.job = job;
      announce("Cancelled.");
      if (job.state === "cancelled" && !job.pictures.length) this.live.tell("refreshed");
    });
  }

  /** Draw what failed or was cancelled once more, by way of the prompt box. */
  async retry() {
    const kept = wishes();
    await useSettings(this.live.job.request, { prompt: this.live.job.prompt });
    await composer.draw();
    reset();
    ask(kept);
  }

  again() {
    const [first] = this.live.job.pictures;
    if (first) again(first.reference);
  }

  get keys() {
    const { live } = this;
    const numbered = (letter, action) =>
      Array.from({ length: 9 }, (_, index) => [
        `${letter}${index + 1}`,
        () => {
          const picture = live.picture(index + 1);
          if (picture) action(picture.reference);
        },
      ]);
    return {
      ...Object.fromEntries([
        ...numbered("", (one) => go(`picture/${one}`)),
        ...numbered("u", (one) => upscale(one)),
        ...numbered("v", (one) => vary(one)),
      ]),
      r: () => this.again(),
      Escape: () => (live.open ? this.cancel() : go("gallery")),
    };
  }
}

const back = () => (history.length > 1 ? history.back() : go("gallery"));

/** What the pictures of a job were drawn with. */
export function facts(job, picture = null) {
  const { request } = job;
  const seed = picture?.seed ?? request.seed;
  const size = picture ?? job.pictures[0] ?? request;
  // An upscale that redraws nothing was drawn by no seed and in no steps.
  const drawn = job.verb !== "upscale" || request.strength > 0;
  const rows = [
    ["size", `${size.width} × ${size.height}`],
    ["seed", drawn && seed],
    ["steps", drawn && request.steps],
    ["guidance", drawn && request.guidance],
    ["sampler", drawn && request.sampler],
    ["quality", request.quality],
    ["without", request.negative_prompt],
    ["model", job.model],
  ];
  return h(
    "dl",
    { class: "facts" },
    ...rows
      .filter(([, value]) => value !== false && value != null && value !== "")
      .flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, String(value))]),
  );
}

function parentsOf(job) {
  if (!job.parents?.length) return null;
  const links = job.parents.map(({ reference, role }) => {
    const target = reference.includes(".") ? `#/picture/${reference}` : `#/job/${reference}`;
    return h("a", { class: "chip", href: target }, `${role} of ${reference}`);
  });
  return h("p", { class: "chips" }, ...links);
}

/** Show a job. */
export async function jobView([, id]) {
  const live = await get(id);
  const { job } = live;
  if (job.state === "done" && job.pictures.length === 1) {
    go(`picture/${job.pictures[0].reference}`, { instead: true });
    return null;
  }
  const view = new JobView(live);
  return { element: view.element, keys: view.keys, close: () => view.close(), title: job.prompt };
}
