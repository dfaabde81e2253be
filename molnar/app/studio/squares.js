/**
 * Nested squares, a little out of order, after Vera Molnár's "(Dés)Ordres": the logo, the picture
 * that is not there yet, and the only decoration. Disorder is a number, so that waiting can be seen
 * to end: a placeholder starts at 1 and settles as its picture comes out of the noise.
 */

import { still, svg } from "./dom.js";

/** A generator of numbers in [0, 1) that depends on its seed alone (mulberry32). */
export function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** A text's own number (FNV-1a), so that the same words give the same drawing. */
export function hash(text) {
  let value = 0x811c9dc5;
  for (const letter of text) value = Math.imul(value ^ letter.codePointAt(0), 0x01000193);
  return value >>> 0;
}

const CELL = 40; // units of one cell
const CORNERS = [
  [-1, -1],
  [1, -1],
  [1, 1],
  [-1, 1],
];

/** A field of nested squares whose disorder can be changed. */
export class Squares {
  /**
   * @param {{columns?: number, rows?: number, rings?: number, seed?: number, disorder?: number,
   *   accents?: number, label?: string}} options
   */
  constructor({
    columns = 4,
    rows = columns,
    rings = 4,
    seed = 0,
    disorder = 1,
    accents = 1,
  } = {}) {
    this.columns = columns;
    this.rows = rows;
    this.rings = rings;
    this.accents = accents;
    this.disorder = disorder;
    this.ink = svg("path", { class: "ink" });
    this.accent = svg("path", { class: "accent" });
    this.element = svg(
      "svg",
      {
        class: "squares",
        "aria-hidden": "true",
        focusable: "false",
        viewBox: `-2 -2 ${columns * CELL + 4} ${rows * CELL + 4}`,
        preserveAspectRatio: "xMidYMid slice",
      },
      this.ink,
      this.accent,
    );
    this.plant(seed);
  }

  /** Draw other squares. */
  plant(seed) {
    const next = random(seed);
    const many = this.columns * this.rows * this.rings;
    this.lit = new Set(Array.from({ length: this.accents }, () => Math.floor(next() * many)));
    this.from = this.shift;
    this.shift = Array.from({ length: many * 8 }, () => next() * 2 - 1);
    // The outer rings of some cells are left out: what is missing makes the order visible.
    this.gone = Array.from({ length: many }, (_, index) => next() < 0.1 && many > 12 && index > 0);
    this.draw(this.disorder);
  }

  /** Go to another disorder, at once if motion is unwelcome. */
  settle(disorder, ms = 700) {
    cancelAnimationFrame(this.frame);
    if (still() || ms === 0) return this.draw(disorder);
    const begin = performance.now();
    const first = this.disorder;
    const step = (now) => {
      const part = Math.min((now - begin) / ms, 1);
      this.draw(first + (disorder - first) * (1 - (1 - part) ** 3));
      if (part < 1) this.frame = requestAnimationFrame(step);
    };
    this.frame = requestAnimationFrame(step);
  }

  /** @param {number} disorder 0 is perfect order, 1 is lively */
  draw(disorder) {
    this.disorder = disorder;
    let ink = "";
    let accent = "";
    let index = 0;
    for (let row = 0; row < this.rows; row += 1) {
      for (let column = 0; column < this.columns; column += 1) {
        for (let ring = 0; ring < this.rings; ring += 1, index += 1) {
          if (this.gone[index]) continue;
          const path = this.ring((column + 0.5) * CELL, (row + 0.5) * CELL, ring, index);
          if (this.lit.has(index)) accent += path;
          else ink += path;
        }
      }
    }
    this.ink.setAttribute("d", ink);
    this.accent.setAttribute("d", accent);
  }

  ring(x, y, ring, index) {
    const half = (CELL / 2) * (1 - ring / this.rings) * 0.92;
    const reach = (CELL / this.rings) * 0.34 * this.disorder;
    const points = CORNERS.map(([right, down], corner) => {
      const at = index * 8 + corner * 2;
      const px = x + right * half + this.shift[at] * reach;
      const py = y + down * half + this.shift[at + 1] * reach;
      return `${px.toFixed(1)} ${py.toFixed(1)}`;
    });
    return `M${points.join("L")}Z`;
  }
}

/** Keep squares restless while something is waited for; returns how to stop. */
export function restless(squares, ms = 900) {
  if (still()) return () => {};
  let turn = 0;
  const timer = setInterval(() => squares.settle([0.25, 1, 0.5, 0.8][(turn += 1) % 4], ms), ms);
  return () => clearInterval(timer);
}
