/**
 * The places of a job's pictures: squares out of order until something is seen, then what each
 * picture looks like at each step, then the picture.
 */

import * as api from "./api.js";
import { blobOf, h, paint, vary } from "./dom.js";
import { Squares } from "./squares.js";

const CALM = 0.12; // disorder that is left when a picture is done

/** One place. */
class Slot {
  constructor(live, number, link) {
    this.number = number;
    this.squares = new Squares({
      columns: 4,
      rings: 4,
      seed: number * 7919 + live.job.id.length,
      accents: 2,
    });
    this.canvas = h("canvas", {
      hidden: true,
      role: "img",
      "aria-label": `Picture ${number}, being drawn`,
    });
    this.image = h("img", { hidden: true, decoding: "async", onload: () => this.arrived() });
    this.digit = h("span", { class: "digit", "aria-hidden": "true" }, String(number));
    this.element = h(
      link ? "a" : "div",
      { class: "slot" },
      this.squares.element,
      this.canvas,
      this.image,
      this.digit,
    );
  }

  arrived() {
    this.image.hidden = false;
    this.element.classList.add("done");
  }

  show(live) {
    const picture = live.picture(this.number);
    if (picture) return this.finish(live, picture);
    const step = live.steps.get(this.number);
    this.element.classList.toggle("waiting", live.open && !step);
    if (!step) return;
    this.squares.settle(1 - (1 - CALM) * step.fraction);
    if (step.preview && step.preview !== this.preview) {
      this.preview = step.preview;
      paint(this.canvas, blobOf(step.preview))
        .then(() => (this.canvas.hidden = false))
        .catch(() => {});
    }
  }

  finish(live, picture) {
    if (this.finished === picture.reference) return;
    this.finished = picture.reference;
    this.squares.settle(CALM);
    this.image.alt = `${live.job.prompt}, picture ${this.number}`;
    this.image.src = api.file(picture.reference);
    this.canvas.setAttribute("aria-hidden", "true");
    if (this.element.tagName !== "A") return;
    this.element.href = `#/picture/${picture.reference}`;
    this.element.setAttribute("aria-label", `Picture ${this.number}: ${live.job.prompt}`);
  }
}

/** All places of a job, as a grid. `link` makes each lead to its picture. */
export class Slots {
  constructor(live, { link = true } = {}) {
    this.link = link;
    this.slots = new Map();
    this.element = h("div", { class: "slots" });
    this.show(live);
  }

  /** The progress under the places, if there is one. */
  bar() {
    return this.element.querySelector(":scope > .bar");
  }

  show(live) {
    const { request = {}, pictures } = live.job;
    const finished = !live.open;
    const numbers = finished
      ? pictures.map((one) => one.number)
      : Array.from({ length: live.expected }, (_, index) => index + 1);
    for (const [number, slot] of this.slots) {
      if (!numbers.includes(number)) {
        slot.element.remove();
        this.slots.delete(number);
      }
    }
    for (const number of numbers) {
      if (!this.slots.has(number)) this.slots.set(number, new Slot(live, number, this.link));
      const slot = this.slots.get(number);
      if (!slot.element.parentNode) this.element.insertBefore(slot.element, this.bar());
      slot.show(live);
    }
    const one = pictures[0] ?? request;
    const many = numbers.length;
    const columns = many < 2 ? 1 : many < 5 ? 2 : Math.ceil(Math.sqrt(many));
    vary(this.element, {
      "--columns": columns,
      "--rows": Math.max(1, Math.ceil(many / columns)),
      "--ratio": (one.width ?? 512) / (one.height ?? 512),
    });
  }
}
