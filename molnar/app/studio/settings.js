/** What this browser remembers: theme, remix, how far V goes, settings of the next drawing. */

const KEY = "molnar.studio";

const defaults = { theme: "auto", remix: false, strong: true, wish: {} };
let kept = { ...defaults };
try {
  kept = { ...defaults, ...JSON.parse(localStorage.getItem(KEY) ?? "{}") };
} catch {
  // Storage may be forbidden or hold another version's words; the defaults do.
}

export const settings = new EventTarget();

/** @param {"theme"|"remix"|"strong"|"wish"} name */
export const setting = (name) => kept[name];

/** Remember a value and tell who listens. */
export function set(name, value) {
  kept = { ...kept, [name]: value };
  try {
    localStorage.setItem(KEY, JSON.stringify(kept));
  } catch {
    // It then lasts as long as this page.
  }
  settings.dispatchEvent(new CustomEvent("change", { detail: name }));
}

/** Make the page light or dark; "auto" is the system's choice. */
export function applyTheme() {
  const { theme } = kept;
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

/** Whether the page is dark now. */
export const dark = () =>
  kept.theme === "auto"
    ? matchMedia("(prefers-color-scheme: dark)").matches
    : kept.theme === "dark";
