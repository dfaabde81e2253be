/**
 * The jobs that this page knows, and what is known of those being drawn. Whoever shows a job
 * listens here; one stream a job is open however many show it, and few streams in all: a browser
 * opens six connections to a server, and streams that held all of them would leave none to draw
 * another prompt with. The jobs that have no stream are asked for now and then, all in one.
 */

import * as api from "./api.js";
import { follow } from "./events.js";
import { link } from "./link.js";

const OPEN = new Set(["queued", "running"]);
const STREAMS = 2;
const ASK_MS = 2000; // between looks at the jobs that have no stream
const known = new Map();
let front = null; // the job that is looked at
let timer = 0;

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

  follow() {
    this.stop ??= follow(
      this.job.id,
      (kind, data) => this.hear(kind, data),
      async () => {
        this.leave();
        await link.whenBack();
        setTimeout(() => refresh(this.job.id).catch(() => {}), 400);
      },
    );
  }

  leave() {
    this.stop?.();
    this.stop = null;
  }

  async hear(kind, data) {
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
      this.leave();
      if (data.job?.pictures) this.job = data.job;
      else if (await refresh(this.job.id).then((live) => !live.open, () => false)) return;
      if (OPEN.has(this.job.state)) this.job = { ...this.job, state: kind, error: data.error };
    }
    this.tell(kind);
    if (kind === "started" || !this.open) attend();
  }
}

/** Follow the job that is looked at, then those being drawn; ask for the rest in a while. */
function attend() {
  const open = [...known.values()].filter((live) => live.open);
  const rank = (live) => {
    if (live === front) return -1;
    return live.job.state === "running" ? 0 : (live.position ?? live.job.position ?? 1);
  };
  open.sort((one, other) => rank(one) - rank(other));
  // Who does not see the page needs no stream; other windows on this server do.
  const near = document.hidden ? [] : open.slice(0, STREAMS);
  for (const live of known.values()) if (!near.includes(live)) live.leave();
  if (!link.up || document.hidden) return;
  for (const live of near) live.follow();
  if (open.length > near.length) timer ||= setTimeout(askAll, ASK_MS);
}

/** Ask what became of the jobs that have no stream. */
async function askAll() {
  clearTimeout(timer);
  timer = 0;
  const left = [...known.values()].filter((live) => live.open && !live.stop);
  const listed = await openJobs().catch(() => null);
  const now = new Map(listed?.map((job) => [job.id, job]));
  for (const live of listed ? left : []) {
    const { id, state } = live.job;
    const job = now.get(id);
    if (!job) {
      await refresh(id).catch((error) => error.status === 404 && forget(id));
    } else if (!live.stop) {
      live.position = job.position ?? null;
      live.job = job;
      if (job.state !== state) live.tell("refreshed");
    }
  }
  attend();
}

/** Say which job is looked at: it is followed before all others. */
export function lookAt(live) {
  front = live;
  attend();
}

/** Say that a job is not looked at any more; another one may be already. */
export function lookAway(live) {
  if (front === live) front = null;
  attend();
}

/** Whether a job has nothing to show yet, as far as this page knows. */
export const bare = (id) => known.get(id)?.job.pictures.length === 0;

/** Take in what the server says of a job, and follow it if it is not finished. */
export function learn(job) {
  let live = known.get(job.id);
  if (live) live.job = job;
  else known.set(job.id, (live = new Live(job)));
  attend();
  return live;
}

/** Ask for a job again. */
export async function refresh(id) {
  const before = known.get(id)?.open;
  const live = learn(await api.job(id));
  live.tell(before && !live.open ? live.job.state : "refreshed");
  return live;
}

/** A job by its id, from memory if it is there. Rejects if there is none. */
export const get = async (id) => known.get(id) ?? refresh(id);

/** Forget a job that was deleted. */
export function forget(id) {
  known.get(id)?.leave();
  known.delete(id);
}

async function openJobs() {
  const [running, queued] = await Promise.all(
    ["running", "queued"].map((state) => api.jobs({ state, limit: 200 })),
  );
  return [...running.jobs, ...queued.jobs.reverse()];
}

/** Learn of every job that is not finished. */
export const unfinished = async () => (await openJobs()).map(learn);

link.addEventListener("back", askAll);
document.addEventListener("visibilitychange", () => (document.hidden ? attend() : askAll()));
