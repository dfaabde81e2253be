/** One picture, and everything that can be done with it. */

import * as api from "./api.js";
import * as does from "./actions.js";
import { composer } from "./composer.js";
import { h, parts, vary as style } from "./dom.js";
import { explain } from "./explain.js";
import { icon } from "./icons.js";
import { facts } from "./jobview.js";
import { get } from "./jobs.js";
import { lineage } from "./lineage.js";
import { go } from "./router.js";
import { setting } from "./settings.js";
import { startFrom, takeAfter, useSettings } from "./using.js";
import { chosen, toggleChosen, tray } from "./tray.js";

const WAYS = ["left", "up", "right", "down"];

/** A button of the picture's tools. */
function tool(label, name, action, { key = "", hint = "" } = {}) {
  return h(
    "button",
    {
      type: "button",
      onclick: action,
      title: [hint, key && `(${key})`].filter(Boolean).join(" ") || false,
    },
    name && icon(name),
    h("span", {}, label),
    key && h("kbd", {}, key),
  );
}

const group = (title, ...children) =>
  h(
    "section",
    { class: "tools-group" },
    h("h2", {}, title),
    h("div", { class: "row" }, ...children),
  );

class PictureView {
  constructor(live, picture) {
    this.live = live;
    this.picture = picture;
    this.reference = picture.reference;
    this.heart = tool("Favourite", "heart", () => this.favour(), { key: "f" });
    this.taken = tool("Blend", "blend", () => this.take(), {
      key: "b",
      hint: "Take it into a blend",
    });
    this.place = h("div", { class: "below" });
    this.element = h("article", { class: "picture" }, this.stage(), this.side(), this.place);
    this.news = () => this.follow();
    live.addEventListener("change", this.news);
    tray.addEventListener("change", this.news);
    this.follow();
    lineage(live.job, this.reference).then((tree) => tree && this.place.append(tree));
  }

  close() {
    this.live.removeEventListener("change", this.news);
    tray.removeEventListener("change", this.news);
  }

  follow() {
    const { favourite } = this.live.picture(this.picture.number) ?? this.picture;
    this.heart.setAttribute("aria-pressed", String(favourite));
    this.taken.setAttribute("aria-pressed", String(chosen().includes(this.reference)));
  }

  stage() {
    const { picture } = this;
    const image = h("img", {
      src: api.file(picture.reference),
      width: picture.width,
      height: picture.height,
      alt: `${this.live.job.prompt}, picture ${picture.number}`,
      draggable: "true",
    });
    const arrows = WAYS.map((way) =>
      h(
        "button",
        {
          type: "button",
          class: `pan ${way}`,
          "aria-label": `Pan ${way}`,
          title: `Pan ${way} (arrow key)`,
          onclick: () => does.pan(this.reference, way),
        },
        icon("arrow"),
      ),
    );
    const board = h("div", { class: "board" }, ...arrows, h("div", { class: "canvas" }, image));
    style(board, { "--ratio": picture.width / picture.height });
    return h("div", { class: "stage" }, board, this.siblings());
  }

  siblings() {
    const { pictures, id } = this.live.job;
    if (pictures.length < 2) return "";
    return h(
      "nav",
      { class: "siblings", "aria-label": "Pictures of this job" },
      h(
        "a",
        {
          class: "all",
          href: `#/job/${id}`,
          title: "All (Esc)",
          "aria-label": "All pictures of this job",
        },
        icon("gallery"),
      ),
      ...pictures.map((one) =>
        h(
          "a",
          {
            href: `#/picture/${one.reference}`,
            "aria-label": `Picture ${one.number}`,
            "aria-current": one.number === this.picture.number ? "true" : false,
          },
          h("img", { src: api.thumbnail(one.reference), alt: "", loading: "lazy" }),
        ),
      ),
    );
  }

  side() {
    const { job } = this.live;
    const { reference: it, picture } = this;
    const save = (suffix, label) =>
      h(
        "a",
        {
          class: "button",
          href: api.file(it, suffix),
          download: `molnar-${it}.${suffix}`,
          "aria-label": `Download as ${label}`,
        },
        suffix === "png" && icon("download"),
        label,
      );
    this.saved = save("png", "PNG");
    return h(
      "aside",
      { class: "about", "aria-label": "Tools" },
      h(
        "p",
        { class: "eyebrow" },
        h("a", { href: `#/job/${job.id}` }, job.id),
        ` · ${picture.number} · ${job.verb}`,
      ),
      h("h1", {}, job.prompt || job.verb),
      group(
        "Vary",
        tool("Subtle", "vary", () => does.vary(it, false)),
        tool("Strong", "vary", () => does.vary(it, true), { key: "v" }),
        tool("Region", "brush", () => this.edit(), { key: "m", hint: "Draw a part of it anew" }),
      ),
      group(
        "Upscale",
        tool("2×", "upscale", () => does.upscale(it, 2), { key: "u" }),
        tool("4×", "upscale", () => does.upscale(it, 4)),
        tool("Creative", "upscale", () => does.upscale(it, 2, true), {
          hint: "Larger, details drawn anew",
        }),
      ),
      group(
        "Zoom out",
        tool("1.5×", "zoom", () => does.zoom(it, 1.5)),
        tool("2×", "zoom", () => does.zoom(it, 2), { key: "z" }),
        tool("Custom", "zoom", () => does.zoomCustom(it)),
        picture.width !== picture.height &&
          tool("Make square", "square", () => does.square(it), { key: "q" }),
      ),
      group(
        "Go on",
        tool("Start from it", "start", () => startFrom(it, job.prompt)),
        tool("Take after it", "image", () => takeAfter(it), { hint: "As an image prompt" }),
        this.taken,
        tool("Again", "again", () => does.again(it), { key: "r" }),
      ),
      group(
        "Look closer",
        tool("Explain", "explain", () => this.explain(), { key: "e" }),
        tool("Compare", "compare", () => this.compare(), { key: "c" }),
        tool("Describe", "describe", () => does.describe(it, (text) => composer.write(text))),
      ),
      group(
        "Keep",
        this.heart,
        this.saved,
        save("jpg", "JPEG"),
        save("webp", "WebP"),
        tool("Copy settings", "copy", async () => {
          does.copy(does.written(...(await does.drawnWith(job, picture))));
        }),
        tool("Use settings", "sliders", async () => {
          const [request, seed] = await does.drawnWith(job, picture);
          useSettings(request, { prompt: job.prompt, seed });
        }),
        tool("Delete", "trash", () => does.remove(it)),
      ),
      facts(job, picture),
    );
  }

  favour() {
    does.favour(this.reference);
  }

  take() {
    toggleChosen(this.reference);
  }

  edit() {
    go(`picture/${this.reference}/edit`);
  }

  explain() {
    if (this.explained?.isConnected) return this.explained.querySelector("button")?.click();
    // Upscaling draws nothing new: what words did is seen in the picture it came from.
    const [from] = this.live.job.verb === "upscale" ? (this.live.job.parents ?? []) : [];
    this.explained = explain(
      this.reference,
      from?.reference.includes(".") ? from.reference : undefined,
    );
    this.place.prepend(this.explained);
    this.explained.scrollIntoView({ block: "nearest" });
  }

  /** Compare with what it came from, else with another picture of its job. */
  compare() {
    const from = this.live.job.parents?.find(({ reference }) => reference.includes("."));
    const { pictures } = this.live.job;
    const at = pictures.findIndex((one) => one.number === this.picture.number);
    const other =
      chosen().find((one) => one !== this.reference) ??
      from?.reference ??
      pictures[(at + 1) % pictures.length].reference;
    go(`compare/${other}/${this.reference}`);
  }

  turn(by) {
    const { pictures } = this.live.job;
    const at = pictures.findIndex((one) => one.number === this.picture.number);
    go(`picture/${pictures[(at + by + pictures.length) % pictures.length].reference}`, {
      instead: true,
    });
  }

  get keys() {
    const { reference: it, live } = this;
    const digits = Array.from({ length: 9 }, (_, index) => [
      String(index + 1),
      () => {
        const picture = live.picture(index + 1);
        if (picture) go(`picture/${picture.reference}`);
      },
    ]);
    const ways = WAYS.map((way) => [
      `Arrow${way[0].toUpperCase()}${way.slice(1)}`,
      () => does.pan(it, way),
    ]);
    return {
      ...Object.fromEntries([...digits, ...ways]),
      u: () => does.upscale(it),
      v: () => does.vary(it),
      V: () => does.vary(it, !setting("strong")),
      z: () => does.zoom(it, 2),
      r: () => does.again(it),
      m: () => this.edit(),
      q: () => this.picture.width !== this.picture.height && does.square(it),
      e: () => this.explain(),
      c: () => this.compare(),
      b: () => this.take(),
      f: () => this.favour(),
      d: () => this.saved.click(),
      j: () => this.turn(1),
      k: () => this.turn(-1),
      Escape: () => this.back(),
    };
  }

  back() {
    if (this.explained?.isConnected) return this.explain();
    const { job } = this.live;
    go(job.pictures.length > 1 ? `job/${job.id}` : "gallery");
  }
}

/** Show a picture. */
export async function pictureView([, reference, mode]) {
  const [id, number] = parts(reference);
  const live = await get(id);
  const picture = live.picture(number);
  if (!picture) {
    go(`job/${id}`, { instead: true });
    return null;
  }
  const view = new PictureView(live, picture);
  if (mode === "explain") view.explain();
  return {
    element: view.element,
    keys: view.keys,
    close: () => view.close(),
    title: live.job.prompt,
    shown: () => view.explained?.scrollIntoView({ block: "nearest" }),
  };
}
