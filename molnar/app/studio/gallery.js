/** All that was drawn, newest first, as far as one scrolls: by words, or favourites alone. */

import * as api from "./api.js";
import { debounced, find, h, vary } from "./dom.js";
import { icon } from "./icons.js";
import { learn } from "./jobs.js";
import { here, leave, left, rename } from "./router.js";
import { trying } from "./says.js";
import { Squares } from "./squares.js";

const PAGE = 40;
const MOST = 200; // jobs that the server gives at once

/** A job as a tile: its grid if it has one, else its first picture, else squares. */
export function tile(job) {
  const live = learn(job);
  const element = h("li", { class: "tile" });
  const show = () => {
    const { job: now } = live;
    const picture = now.grid ?? now.pictures[0];
    const target =
      now.pictures.length === 1 ? `picture/${now.pictures[0].reference}` : `job/${now.id}`;
    const face = picture
      ? h("img", {
          src: picture.thumbnail,
          alt: "",
          loading: "lazy",
          decoding: "async",
          width: picture.width,
          height: picture.height,
        })
      : new Squares({ columns: 4, rings: 3, seed: now.id.length + now.prompt.length }).element;
    const bar = live.open && vary(h("span", { class: "bar" }), { "--done": live.fraction });
    const loved = now.pictures.some((one) => one.favourite);
    const state = {
      queued: "waiting",
      running: "drawing",
      failed: "failed",
      cancelled: "cancelled",
    }[now.state];
    element.replaceChildren(
      h(
        "a",
        { href: `#/${target}` },
        h(
          "span",
          { class: "face" },
          face,
          bar || "",
          loved &&
            h("span", { class: "loved", role: "img", "aria-label": "favourite" }, icon("heart")),
        ),
        h(
          "span",
          { class: "caption" },
          h("b", {}, now.prompt || now.verb),
          h(
            "span",
            {},
            [now.id, now.verb === "make" ? "" : now.verb, state ?? ""].filter(Boolean).join(" · "),
          ),
        ),
      ),
    );
  };
  live.addEventListener("change", (event) => {
    if (event.detail !== "step") return show();
    const bar = find(".bar", element);
    if (bar) vary(bar, { "--done": live.fraction });
  });
  show();
  return element;
}

/** A favourite as a tile of its own. */
function loved(picture, job) {
  learn(job);
  return h(
    "li",
    { class: "tile" },
    h(
      "a",
      { href: `#/picture/${picture.reference}` },
      h(
        "span",
        { class: "face" },
        h("img", {
          src: picture.thumbnail,
          alt: "",
          loading: "lazy",
          width: picture.width,
          height: picture.height,
        }),
        h("span", { class: "loved", role: "img", "aria-label": "favourite" }, icon("heart")),
      ),
      h(
        "span",
        { class: "caption" },
        h("b", {}, job.prompt || job.verb),
        h("span", {}, picture.reference),
      ),
    ),
  );
}

class Gallery {
  constructor(query) {
    this.words = query.get("search") ?? "";
    this.favourites = query.get("favourites") === "1";
    this.search = h("input", {
      type: "search",
      placeholder: "Search",
      "aria-label": "Search the history",
      value: this.words,
      autocomplete: "off",
      spellcheck: "false",
      oninput: debounced(() => this.look(this.search.value.trim(), this.favourites), 200),
    });
    this.filter = h(
      "button",
      {
        type: "button",
        class: "chip",
        "aria-pressed": String(this.favourites),
        onclick: () => this.look(this.words, !this.favourites),
      },
      icon("heart"),
      "Favourites",
    );
    this.list = h("ul", { class: "tiles" });
    this.end = h("p", { class: "dim end" });
    this.element = h(
      "article",
      { class: "gallery" },
      h(
        "header",
        {},
        h("h1", {}, "Gallery"),
        h(
          "search",
          { class: "row" },
          h("span", { class: "with search" }, icon("search"), this.search),
          this.filter,
        ),
      ),
      this.list,
      this.end,
    );
    this.eye = new IntersectionObserver(
      (seen) => seen.some((one) => one.isIntersecting) && this.more(),
      { rootMargin: "800px" },
    );
    this.turn = 0;
    // One who comes back finds as much as there was, and so the place where one was.
    this.ready = this.begin(Math.min(MOST, Math.max(PAGE, left().jobs ?? 0)));
  }

  look(words, favourites) {
    this.words = words;
    this.favourites = favourites;
    this.filter.setAttribute("aria-pressed", String(favourites));
    const query = new URLSearchParams();
    if (words) query.set("search", words);
    if (favourites) query.set("favourites", "1");
    rename(`gallery${query.size ? `?${query}` : ""}`);
    leave({ jobs: 0, y: 0 });
    this.begin();
  }

  begin(limit = PAGE) {
    this.turn += 1;
    this.seen = 0;
    this.before = null;
    this.over = false;
    this.loading = false;
    this.fresh = true;
    this.eye.disconnect();
    this.eye.observe(this.end);
    return this.more(limit);
  }

  async more(limit = PAGE) {
    if (this.loading || this.over) return;
    this.loading = true;
    const { turn } = this;
    const page = await trying(() =>
      api.jobs({
        search: this.words,
        favourites: this.favourites || null,
        limit,
        before: this.before,
      }),
    );
    if (turn !== this.turn) return;
    this.loading = false;
    if (!page) return (this.over = true);
    const tiles = page.jobs.flatMap((job) =>
      this.favourites
        ? job.pictures.filter((one) => one.favourite).map((one) => loved(one, job))
        : [tile(job)],
    );
    if (this.fresh) this.list.replaceChildren(...tiles);
    else this.list.append(...tiles);
    this.fresh = false;
    this.before = page.next;
    this.seen += page.jobs.length;
    if (here().names[0] === "gallery") leave({ jobs: this.seen });
    this.over = !page.next;
    this.end.replaceChildren(...(this.list.children.length ? [] : this.nothing()));
    // A page may be shorter than the screen: what is still in sight asks again.
    this.eye.unobserve(this.end);
    if (!this.over) this.eye.observe(this.end);
  }

  nothing() {
    if (this.words) return [`Nothing was drawn with “${this.words}”.`];
    if (this.favourites) return ["No favourites yet: press f on a picture."];
    const { element } = new Squares({ columns: 3, rings: 4, seed: 7, accents: 1 });
    return [element, "Nothing was drawn yet: write what you would like to see."];
  }
}

/** Show the gallery. */
export async function galleryView(names, query) {
  const view = new Gallery(query);
  await view.ready;
  return {
    element: view.element,
    title: "Gallery",
    close: () => view.eye.disconnect(),
    keys: { "/": () => view.search.focus(), Escape: () => location.assign("#/") },
  };
}
