/** Joins the parts: the frame of the page, its keys, and which view an address shows. */

import { compareView } from "./compareview.js";
import { composer } from "./composer.js";
import { closeAll } from "./dialogs.js";
import { find, h } from "./dom.js";
import { listen } from "./drop.js";
import { editView } from "./editview.js";
import { galleryView } from "./gallery.js";
import { icon } from "./icons.js";
import { jobView } from "./jobview.js";
import { pageKeys, showKeys, viewKeys } from "./keys.js";
import { link } from "./link.js";
import { pictureView } from "./pictureview.js";
import { go, here, left, start } from "./router.js";
import { announce, working } from "./says.js";
import { applyTheme, dark, set, settings } from "./settings.js";
import { Squares } from "./squares.js";
import { frieze, startView } from "./startview.js";
import { show as showTray } from "./tray.js";

let view = null;
let turn = 0;
let path = "";

function viewOf([name, ...rest]) {
  if (name === "job" && rest.length) return [jobView, "job"];
  if (name === "picture" && rest[1] === "edit") return [editView, "edit"];
  if (name === "picture" && rest.length) return [pictureView, "picture"];
  if (name === "compare" && rest.length > 1) return [compareView, "compare"];
  if (name === "gallery") return [galleryView, "gallery"];
  return [startView, "start"];
}

/** What is shown where an address leads nowhere. */
function lost(message) {
  return {
    element: h(
      "article",
      { class: "lost" },
      new Squares({ columns: 3, rings: 4, seed: 5 }).element,
      h("h1", {}, "Nothing is here"),
      h("p", { class: "dim" }, message),
      h("p", {}, h("a", { class: "button", href: "#/gallery" }, "To the gallery")),
    ),
    keys: { Escape: () => go("gallery") },
    title: "Nothing is here",
  };
}

async function show() {
  turn += 1;
  const mine = turn;
  const { names, query } = here();
  const [make, name] = viewOf(names);
  let next;
  try {
    next = await working(make(names, query));
  } catch (error) {
    if (error.status === 0) {
      // The server is away: the banner says so, and the view comes when it is back.
      await link.whenBack();
      return mine === turn ? show() : undefined;
    }
    if (error.status === undefined) console.error(error);
    next = lost(error.message);
  }
  if (mine !== turn) return next?.close?.();
  if (!next) return;
  view?.close?.();
  const first = view === null;
  if (path !== names.join("/")) {
    composer.toggle(false);
    if (!first) closeAll();
  }
  path = names.join("/");
  view = next;
  document.documentElement.dataset.view = name;
  find("#main").replaceChildren(next.element);
  viewKeys(next.keys ?? {});
  document.title = next.title ? `${next.title} · molnar` : "molnar";
  for (const anchor of document.querySelectorAll("header.top nav a")) {
    anchor.toggleAttribute("aria-current", anchor.hash === `#/${names[0] ?? ""}`);
  }
  scrollTo(0, left().y ?? 0);
  if (next.focus) next.focus.focus({ preventScroll: true });
  else if (!first && document.activeElement === document.body)
    find("#main").focus({ preventScroll: true });
  next.shown?.();
}

function frame() {
  const logo = new Squares({ columns: 1, rings: 4, seed: 11, disorder: 0.9, accents: 1 });
  const brand = find("#brand");
  brand.prepend(logo.element);
  brand.addEventListener("pointerenter", () => {
    logo.plant(Math.floor(performance.now()));
    logo.settle(0.9, 0);
  });
  const theme = find("#theme");
  const followTheme = () => {
    applyTheme();
    theme.replaceChildren(icon(dark() ? "sun" : "moon"));
    theme.setAttribute("aria-label", dark() ? "Light paper" : "Dark paper");
  };
  theme.addEventListener("click", () => set("theme", dark() ? "light" : "dark"));
  settings.addEventListener("change", followTheme);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", followTheme);
  followTheme();
  find("#to-gallery").prepend(icon("gallery"));
  const keys = find("#keys");
  keys.append(icon("keys"));
  keys.addEventListener("click", showKeys);
  find("#hero").prepend(frieze());
  find("#composer").replaceWith(composer.element);
  find("#skip").addEventListener("click", () => find("#main").focus());
}

function followLink() {
  const banner = find("#banner");
  link.addEventListener("lost", () => {
    banner.hidden = false;
    announce("The server is away. Looking for it.");
  });
  link.addEventListener("back", () => {
    banner.hidden = true;
    announce("The server is back.");
    if (["start", "gallery"].includes(document.documentElement.dataset.view)) show();
  });
  link.addEventListener("status", () => {
    const { model, worker, queued = 0 } = link.status;
    const waits = { starting: "the model is waking", restarting: "the model is waking again" }[
      worker
    ];
    // One thing at a time: there is little room beside the prompt.
    find("#model").textContent =
      waits ?? (queued > 0 ? `${queued} waiting` : model || "");
  });
  link.look();
}

function keys() {
  pageKeys({
    "?": showKeys,
    s: () => composer.toggle(),
    g: () => go("gallery"),
    n: () => go(""),
    p: () => composer.box.focus(),
    "/": () => {
      go("gallery");
      const wait = setInterval(() => {
        const search = find(".gallery input[type=search]");
        if (!search) return;
        clearInterval(wait);
        search.focus();
      }, 30);
    },
    // Tells whether Escape was used up, so that it closes one thing at a time.
    Escape: () => {
      if (!composer.unfolded) return false;
      composer.toggle(false);
      return true;
    },
  });
}

frame();
keys();
followLink();
listen();
showTray();
start(show);
