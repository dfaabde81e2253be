/** Where a picture came from and what came of it, as a small tree of thumbnails. */

import * as api from "./api.js";
import { h, parts } from "./dom.js";
import { bare } from "./jobs.js";
import { Squares } from "./squares.js";

const SHOWN = 12; // children

const WORDS = { init: "start", vary: "vary", prompt: "image prompt" };

function leaf(reference, target, role, { here = false, exists = true } = {}) {
  const lost = () => new Squares({ columns: 2, rings: 3, seed: reference.length }).element;
  const image = h("img", {
    alt: "",
    loading: "lazy",
    width: 72,
    height: 72,
    onerror: () => image.replaceWith(lost()),
  });
  const seen = exists && !bare(parts(reference)[0]);
  if (seen) image.src = api.thumbnail(reference);
  const face = seen ? image : lost();
  const label = `${role ? `${role}: ` : ""}${reference}${exists ? "" : " (deleted)"}`;
  const inside = [face, h("span", {}, reference)];
  const node =
    here || !exists
      ? h(
          "span",
          {
            class: "leaf",
            "aria-current": here ? "true" : false,
            role: "img",
            "aria-label": label,
          },
          ...inside,
        )
      : h("a", { class: "leaf", href: target, "aria-label": label }, ...inside);
  return h("li", {}, role && h("span", { class: "role" }, role), node);
}

const wordOf = (role) => WORDS[role] ?? role;

/** Make the tree of a picture, or null if it has no relatives. */
export async function lineage(job, reference) {
  const told = await api.lineage(reference).catch(() => null);
  if (!told || (!told.ancestors.length && !told.children.length)) return null;
  const ancestors = [...told.ancestors].sort((one, other) => other.generations - one.generations);
  // A link's role is what the younger of the two did with the elder: it stands before the younger.
  const up = ancestors.map((one, index) => {
    const named = one.number ? `${one.job}.${one.number}` : `${one.job}.1`;
    const target = one.number ? `#/picture/${named}` : `#/job/${one.job}`;
    return leaf(named, target, index ? wordOf(ancestors[index - 1].role) : "", one);
  });
  const last = ancestors.at(-1);
  const self = leaf(reference, "", last ? wordOf(last.role) : "", { here: true });
  const near = told.children.filter((one) => one.generations === 1);
  const down = near
    .slice(0, SHOWN)
    .map((one) => leaf(`${one.job}.1`, `#/job/${one.job}`, wordOf(one.role), one));
  const rest = told.children.length - down.length;
  return h(
    "section",
    { class: "lineage", "aria-label": "Lineage" },
    h("h2", {}, "Where it comes from, and what came of it"),
    h(
      "div",
      { class: "tree" },
      h("ol", { class: "line" }, ...up, self),
      down.length > 0 && h("ul", { class: "children" }, ...down),
      rest > 0 && h("p", { class: "dim" }, `and ${rest} more`),
    ),
  );
}
