/** Icons on a 20 unit square, drawn with lines of one width; each beside a word or with a label. */

import { svg } from "./dom.js";

const PATHS = {
  again: "M16 10a6 6 0 1 1-2-4.5M16 2.5V6h-3.5",
  arrow: "M4 10h12M11 5l5 5-5 5",
  blend: "M3 3h9v9H3zM8 8h9v9H8z",
  brush: "M4 16c0-3 1-4 3-4l8-8 2 2-8 8c0 2-2 3-5 2z",
  close: "M5 5l10 10M15 5L5 15",
  compare: "M3 4h14v12H3zM10 2v16M6 8l-1.5 2L6 12M14 8l1.5 2-1.5 2",
  copy: "M7 7h9v9H7zM4 13V4h9",
  describe: "M3 5h14M3 10h9M3 15h12",
  dice: "M4 4h12v12H4zM7.5 7.5v.01M12.5 12.5v.01M12.5 7.5v.01M7.5 12.5v.01",
  download: "M10 3v10M6 9.5l4 4 4-4M4 17h12",
  edit: "M4 16l1-4 8.5-8.5 3 3L8 15z",
  erase: "M8 16l-5-5 7-7 6 6-6 6zM7 7.5l6 6M8 16h9",
  explain: "M10 14v.01M7.5 7.5a2.5 2.5 0 1 1 3.5 2.3c-.7.3-1 .8-1 1.7M3 3h14v14H3z",
  gallery: "M3 3h6v6H3zM11 3h6v6h-6zM3 11h6v6H3zM11.5 11.3l5.7.6-.6 5.4-5.5-.5z",
  heart:
    "M10 16.5L4 10.2C1.5 7 4 3.3 7 4c1.5.3 2.5 1.5 3 2.5C10.5 5.5 11.5 4.3 13 4c3-.7 5.5 3 3 6.2z",
  image: "M3 4h14v12H3zM3 13l4-4 4 4 2-2 4 4M13 7.5v.01",
  invert: "M3 3h14v14H3zM3 17L17 3M6 11v3M13 5v3",
  keys: "M2 5h16v10H2zM5 8v.01M8 8v.01M11 8v.01M14 8v.01M6 12h8",
  moon: "M15.5 12A6.5 6.5 0 1 1 8 4.5a5 5 0 0 0 7.5 7.5z",
  more: "M4 10h.01M10 10h.01M16 10h.01",
  rectangle: "M4 5h12v10H4zM2 5h1M17 5h1M2 15h1M17 15h1",
  search: "M9 15A6 6 0 1 0 9 3a6 6 0 0 0 0 12zM13.5 13.5L17 17",
  sliders: "M3 6h8M15 6h2M13 4v4M3 14h3M10 14h7M8 12v4",
  square: "M5 5h10v10H5zM2 5v10M18 5v10",
  start: "M3 4h14v12H3zM8 7.5v5l4.5-2.5z",
  sun:
    "M10 6.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7z" +
    "M10 2v1.5M10 16.5V18M2 10h1.5M16.5 10H18M4.5 4.5l1 1M14.5 14.5l1 1M4.5 15.5l1-1M14.5 5.5l1-1",
  trash: "M4 6h12M8 6V4h4v2M5.5 6l.8 11h7.4l.8-11",
  undo: "M4 8h8a4 4 0 0 1 0 8H8M7 5L4 8l3 3",
  upscale: "M3 10h7v7H3zM10 3h7v7M17 3l-6 6",
  vary: "M4 4l8-1 1 9-9 .5zM8 8l9 .5-1 8.5-8-1z",
  where: "M10 3v3M10 14v3M3 10h3M14 10h3M10 6a4 4 0 1 0 0 8 4 4 0 0 0 0-8z",
  zoom: "M7 7h6v6H7zM3 6V3h3M14 3h3v3M17 14v3h-3M6 17H3v-3",
};

/** @param {keyof typeof PATHS} name */
export function icon(name) {
  return svg(
    "svg",
    { class: "icon", viewBox: "0 0 20 20", "aria-hidden": "true", focusable: "false" },
    svg("path", { d: PATHS[name] }),
  );
}
