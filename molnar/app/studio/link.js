/**
 * Whether the server is there. When it goes, a calm banner says so, it is looked for again by
 * itself, and all who wait are told when it is back.
 */

const SOON_MS = 800; // first look after it went
const SELDOM_MS = 4000; // looks that follow, at most this far apart
const POLL_MS = 5000; // between looks while it is there

class Link extends EventTarget {
  up = true;
  status = null;

  /** Nothing answered: look again until something does. */
  lost() {
    if (!this.up) return;
    this.up = false;
    this.dispatchEvent(new Event("lost"));
    this.again(SOON_MS);
  }

  again(ms) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.look(Math.min(ms * 1.4, SELDOM_MS)), ms);
  }

  /** Ask how the server is. */
  async look(ms = SOON_MS) {
    try {
      const response = await fetch("/api/status", { headers: { Accept: "application/json" } });
      if (!response.ok) throw new Error(String(response.status));
      this.status = await response.json();
    } catch {
      if (this.up) this.lost();
      else this.again(ms);
      return;
    }
    const back = !this.up;
    this.up = true;
    this.dispatchEvent(new Event("status"));
    if (back) this.dispatchEvent(new Event("back"));
    this.again(POLL_MS);
  }

  /** Wait until the server answers. */
  whenBack() {
    if (this.up) return Promise.resolve();
    return new Promise((resolve) => this.addEventListener("back", resolve, { once: true }));
  }
}

export const link = new Link();
