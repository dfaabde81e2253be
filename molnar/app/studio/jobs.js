/**
 * The jobs that this page knows, and what is known of those being drawn. Whoever shows a job
 * listens here; one stream a job is open however many show it.
 */

import * as api from "./api.js";
import { follow } from "./events.js";
import { link } from "./link.js";

const OPEN = new Set(["queued", "running"]);
const known = new Map();

/** One job and how far it is. Fires "change" with `detail` = the kind of news. */
class Live extends EventTarget {
  constructor(job) {
    super();
    this.job = job;
    this.steps = new Map(); // number -> {fraction, preview}
    this.fraction = 0;
    this.position = job.position ?? null;
  }

  get open() {
    return OPEN.has(this.job.state);
  }

  /** How many pictures it will have, as far as that is known. */
  get expected() {
    const { request = {}, pictures = [] } = this.job;
    const asked = this.open ? (this.told ?? request.count ?? 1) : 0;
    return Math.max(pictures.length, asked, ...this.steps.keys());
  }

  /** A finished picture of it, or undefined. */
  picture(number) {
    return this.job.pictures.find((one) => one.number === number);
  }

  tell(kind) {
    this.dispatchEvent(new CustomEvent("change", { detail: kind }));
  }

  watch() {
    if (!this.open || this.stop) return;
    const over = () => {
      this.stop?.();
      this.stop = null;
    };
    this.stop = follow(
      this.job.id,
      (kind, data) => this.hear(kind, data, over),
      async () => {
        over();
        await link.whenBack();
        setTimeout(() => refresh(this.job.id).catch(() => {}), 400);
      },
    );
  }

  async hear(kind, data, over) {
    if (kind === "queued") this.position = data.position;
    else if (kind === "started") {
      this.job = { ...this.job, state: "running" };
      this.told = data.pictures ?? this.told;
      this.position = null;
      this.fraction = 0;
    } else if (kind === "step") {
      this.fraction = Math.max(this.fraction, data.fraction ?? 0);
      const part = data.of ? (data.index + 1) / data.of : 0;
      const before = this.steps.get(data.picture);
      const preview = data.preview ?? before?.preview ?? null;
      this.steps.set(data.picture, { fraction: part, preview });
    } else if (kind === "picture") {
      this.steps.set(data.number, { ...this.steps.get(data.number), fraction: 1 });
    } else {
      over();
      if (data.job?.pictures) this.job = data.job;
      else await refresh(this.job.id).catch(() => {});
      if (OPEN.has(this.job.state)) this.job = { ...this.job, state: kind, error: data.error };
    }
    this.tell(kind);
  }
}

/** Take in what the server says of a job, and follow it if it is not finished. */
export function learn(job) {
  let live = known.get(job.id);
  if (live) live.job = job;
  else known.set(job.id, (live = new Live(job)));
  live.watch();
  return live;
}

/** Ask for a job again. */
export async function refresh(id) {
  const live = learn(await api.job(id));
  live.tell("refreshed");
  return live;
}

/** A job by its id, from memory if it is there. Rejects if there is none. */
export const get = async (id) => known.get(id) ?? refresh(id);

/** Forget a job that was deleted. */
export function forget(id) {
  known.get(id)?.stop?.();
  known.delete(id);
}

/** Every job that is not finished, the oldest first. */
export async function unfinished() {
  const [running, queued] = await Promise.all(
    ["running", "queued"].map((state) => api.jobs({ state, limit: 50 })),
  );
  return [...running.jobs, ...queued.jobs.reverse()].map(learn);
}

link.addEventListener("back", () => {
  for (const live of known.values()) if (live.open) refresh(live.job.id).catch(() => {});
});
