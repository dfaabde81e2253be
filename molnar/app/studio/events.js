/**
 * A job's events, followed to the end. The browser's own EventSource resumes with Last-Event-ID
 * after a hiccup; when the server itself was away, the job is asked for afresh and followed from
 * its beginning, because a new server may number its events anew.
 */

import { link } from "./link.js";

const KINDS = ["queued", "started", "step", "picture", "done", "failed", "cancelled"];
const LAST = new Set(["done", "failed", "cancelled"]);

/**
 * @param {string} id of the job
 * @param {(kind: string, data: Object) => void} tell
 * @param {() => void} lost called once if the stream breaks for good
 * @returns {() => void} stop following
 */
export function follow(id, tell, lost) {
  const source = new EventSource(`/api/jobs/${id}/events`);
  let misses = 0;
  const stop = () => source.close();
  for (const kind of KINDS) {
    source.addEventListener(kind, (event) => {
      misses = 0;
      if (LAST.has(kind)) stop();
      tell(kind, JSON.parse(event.data));
    });
  }
  source.addEventListener("error", (event) => {
    if (event.data !== undefined) return; // a server may call one of its own events "error"
    misses += 1;
    if (source.readyState !== EventSource.CLOSED && misses < 2) return link.look();
    stop();
    lost();
  });
  return stop;
}
