/**
 * A mask under a brush: opaque where the picture may change. Kept at the picture's own size, and
 * drawn with stripes of two colours, of which one is seen on whatever is below. Arrow keys move the
 * brush and Space presses it, so that no mouse is needed.
 */

import { h } from "./dom.js";

const UNDOS = 20;
const NUDGE = 1 / 40; // of the shorter side, per arrow key
const SIZES = { least: 0.02, most: 0.4 }; // of the shorter side

/** Slanted stripes as a pattern to draw with, without a gap in them. */
function hatch(ink, width) {
  const side = Math.max(4, Math.round(width));
  const tile = new OffscreenCanvas(side, side);
  const pen = tile.getContext("2d");
  pen.fillStyle = "#d8381b";
  pen.fillRect(0, 0, side, side);
  pen.strokeStyle = "#fff";
  pen.lineWidth = side / 5;
  for (const shift of [-side, 0, side]) {
    pen.beginPath();
    pen.moveTo(shift - 1, side + 1);
    pen.lineTo(shift + side + 1, -1);
    pen.stroke();
  }
  return ink.createPattern(tile, "repeat");
}

export class Brush extends EventTarget {
  /** @param {number} width of the picture, in pixels @param {number} height */
  constructor(width, height) {
    super();
    this.width = width;
    this.height = height;
    this.tool = "paint"; // or "erase", "rectangle"
    this.size = 0.14; // diameter, of the shorter side
    this.canvas = h("canvas", {
      width,
      height,
      class: "mask",
      tabindex: 0,
      role: "application",
      dataset: { arrows: "own" },
      "aria-roledescription": "mask",
      "aria-label": "Mask. Arrow keys move the brush, Space paints; or use Select by word.",
      onpointerdown: (event) => this.down(event),
      onpointermove: (event) => this.move(event),
      onpointerup: () => this.up(),
      onpointercancel: () => this.up(),
      onpointerleave: () => this.hint(null),
      onkeydown: (event) => this.key(event),
      onfocus: () => this.hint(this.cursor),
      onblur: () => this.hint(null),
    });
    this.ink = this.canvas.getContext("2d", { willReadFrequently: true });
    this.hatch = hatch(this.ink, Math.max(width, height) / 64);
    this.ring = h("div", { class: "ring", hidden: true, "aria-hidden": "true" });
    this.element = h("div", { class: "masking" }, this.canvas, this.ring);
    this.cursor = [width / 2, height / 2];
    this.past = [];
  }

  get diameter() {
    return Math.max(2, this.size * Math.min(this.width, this.height));
  }

  get empty() {
    return !this.pixels().data.some((value, index) => index % 4 === 3 && value > 127);
  }

  pixels() {
    return this.ink.getImageData(0, 0, this.width, this.height);
  }

  keep() {
    this.past.push(this.pixels());
    if (this.past.length > UNDOS) this.past.shift();
  }

  undo() {
    const before = this.past.pop();
    if (before) this.ink.putImageData(before, 0, 0);
    this.tell();
  }

  tell() {
    this.dispatchEvent(new Event("change"));
  }

  grow(by) {
    this.size = Math.min(SIZES.most, Math.max(SIZES.least, this.size * by));
    this.tell();
  }

  point(event) {
    const box = this.canvas.getBoundingClientRect();
    return [
      ((event.clientX - box.left) / box.width) * this.width,
      ((event.clientY - box.top) / box.height) * this.height,
    ];
  }

  down(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    this.keep();
    this.from = this.last = this.point(event);
    if (this.tool !== "rectangle") this.stroke(this.last, this.last);
  }

  move(event) {
    const at = this.point(event);
    this.cursor = at;
    this.hint(at);
    if (!this.last) return;
    if (this.tool === "rectangle") this.frame(this.from, at);
    else this.stroke(this.last, at);
    this.last = at;
  }

  up() {
    if (!this.last) return;
    this.last = this.from = null;
    this.tell();
  }

  stroke([x0, y0], [x1, y1]) {
    const { ink } = this;
    ink.globalCompositeOperation = this.tool === "erase" ? "destination-out" : "source-over";
    ink.strokeStyle = this.hatch;
    ink.lineWidth = this.diameter;
    ink.lineCap = ink.lineJoin = "round";
    ink.beginPath();
    ink.moveTo(x0, y0);
    ink.lineTo(x1, y1 + 0.01); // a point alone has no length, and would leave no trace
    ink.stroke();
  }

  frame([x0, y0], [x1, y1]) {
    this.ink.putImageData(this.past.at(-1), 0, 0);
    this.ink.globalCompositeOperation = "source-over";
    this.ink.fillStyle = this.hatch;
    this.ink.fillRect(Math.min(x0, x1), Math.min(y0, y1), Math.abs(x1 - x0), Math.abs(y1 - y0));
  }

  /** Swap what may change and what stays. */
  invert() {
    this.keep();
    this.ink.globalCompositeOperation = "xor";
    this.ink.fillStyle = this.hatch;
    this.ink.fillRect(0, 0, this.width, this.height);
    this.tell();
  }

  clear() {
    this.keep();
    this.ink.clearRect(0, 0, this.width, this.height);
    this.tell();
  }

  /** Add what is light in a black and white picture of the mask. */
  async add(blob) {
    this.keep();
    const bitmap = await createImageBitmap(blob);
    const other = new OffscreenCanvas(this.width, this.height).getContext("2d");
    other.drawImage(bitmap, 0, 0, this.width, this.height);
    const mask = other.getImageData(0, 0, this.width, this.height);
    for (let at = 0; at < mask.data.length; at += 4) {
      mask.data[at + 3] = mask.data[at] > 127 && mask.data[at + 3] > 127 ? 255 : 0;
    }
    other.putImageData(mask, 0, 0);
    other.globalCompositeOperation = "source-in";
    other.fillStyle = this.hatch;
    other.fillRect(0, 0, this.width, this.height);
    this.ink.globalCompositeOperation = "source-over";
    this.ink.drawImage(other.canvas, 0, 0);
    this.tell();
  }

  /** The mask as a PNG: white on black, without half tones. */
  async toBlob() {
    const image = this.pixels();
    for (let at = 0; at < image.data.length; at += 4) {
      const value = image.data[at + 3] > 127 ? 255 : 0;
      image.data[at] = image.data[at + 1] = image.data[at + 2] = value;
      image.data[at + 3] = 255;
    }
    const flat = new OffscreenCanvas(this.width, this.height);
    flat.getContext("2d").putImageData(image, 0, 0);
    return flat.convertToBlob({ type: "image/png" });
  }

  /** Show where the brush is, or hide it. */
  hint(at) {
    this.ring.hidden = !at || this.tool === "rectangle";
    if (!at) return;
    const percent = (value, of) => `${(100 * value) / of}%`;
    this.ring.style.left = percent(at[0], this.width);
    this.ring.style.top = percent(at[1], this.height);
    this.ring.style.width = percent(this.diameter, this.width);
    this.ring.style.height = percent(this.diameter, this.height);
  }

  key(event) {
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const way = ways[event.key];
    if (event.key === " ") {
      event.preventDefault();
      this.keep();
      const tool = this.tool;
      if (tool === "rectangle") this.tool = "paint";
      this.stroke(this.cursor, this.cursor);
      this.tool = tool;
      this.tell();
    } else if (way) {
      event.preventDefault();
      const step = NUDGE * Math.min(this.width, this.height);
      const limit = (value, most) => Math.min(most, Math.max(0, value));
      this.cursor = [
        limit(this.cursor[0] + way[0] * step, this.width),
        limit(this.cursor[1] + way[1] * step, this.height),
      ];
      this.hint(this.cursor);
    }
  }
}
