/**
 * The server's native API, one function a route. Every failure is an `ApiError` whose message is
 * fit to be shown; no answer at all is one with status 0, and tells `link` that the server is away.
 */

import { link } from "./link.js";

const AWAY = "The server does not answer; it is tried again by itself.";

/** What the server refused, or that it did not answer (status 0). */
export class ApiError extends Error {
  constructor(message, { status = 0, field = null, retryAfter = 0 } = {}) {
    super(message);
    this.status = status;
    this.field = field;
    this.retryAfter = retryAfter;
  }
}

async function call(method, path, { json, body, headers = {} } = {}) {
  const options = { method, headers: { Accept: "application/json", ...headers }, body };
  if (json !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(json);
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    link.lost();
    throw new ApiError(AWAY);
  }
  if (response.status === 204) return null;
  const said = await response.json().catch(() => null);
  if (response.ok) return said;
  const error = said?.error ?? {};
  throw new ApiError(error.message ?? `The server answered ${response.status}.`, {
    status: response.status,
    field: error.field ?? null,
    retryAfter: Number(response.headers.get("Retry-After") ?? 0),
  });
}

/**
 * Ask for pictures. The key makes a second try harmless: should the answer get lost on the way, the
 * server gives the job it made already instead of another one.
 */
async function order(path, json) {
  const headers = { "Idempotency-Key": key() };
  try {
    return await call("POST", path, { json, headers });
  } catch (error) {
    if (error.status !== 0) throw error;
    await link.whenBack();
    return call("POST", path, { json, headers });
  }
}

// randomUUID exists on https and on this machine only; a server on the local network has neither.
function key() {
  return [...crypto.getRandomValues(new Uint8Array(16))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}

const at = (reference) => reference.replace(".", "/");

export const fields = () => call("GET", "/api/fields");
export const models = () => call("GET", "/api/models");
export const read = (prompt) => call("POST", "/api/read", { json: { prompt } });
export const describe = (picture) => call("POST", "/api/describe", { json: { picture } });
export const where = (picture, words) => call("POST", "/api/where", { json: { picture, words } });

/** Draw a prompt; `wish` holds fields of a request. */
export const draw = (wish) => order("/api/jobs", wish);

/** Use a verb on a picture of a job ("k7.2"), or on one that was handed in ("sha256:..."). */
export const act = (reference, verb, body = {}) =>
  reference.startsWith("sha256:")
    ? order(`/api/verbs/${verb}`, { picture: reference, ...body })
    : order(`/api/jobs/${at(reference)}/${verb}`, body);

export const blend = (pictures, body) => order("/api/verbs/blend", { pictures, ...body });

export const job = (id) => call("GET", `/api/jobs/${encodeURIComponent(id)}`);
export const cancel = (id) => call("POST", `/api/jobs/${id}/cancel`);
export const removeJob = (id) => call("DELETE", `/api/jobs/${id}`);
export const removePicture = (reference) => call("DELETE", `/api/jobs/${at(reference)}`);
export const lineage = (reference) => call("GET", `/api/jobs/${at(reference)}/lineage`);
export const favour = (reference, yes) =>
  call(yes ? "PUT" : "DELETE", `/api/jobs/${at(reference)}/favourite`);

/** A page of the history. @returns {Promise<{jobs: Object[], next: string|null}>} */
export function jobs(query = {}) {
  const wanted = Object.entries(query).filter(([, value]) => value !== "" && value != null);
  return call("GET", `/api/jobs?${new URLSearchParams(wanted)}`);
}

/** Hand in a picture; it is named by its pixels from then on. */
export const upload = (blob) =>
  call("POST", "/api/pictures", { body: blob, headers: { "Content-Type": blob.type } });

/** Where the page that explains a picture is. */
export const explanation = (reference) => `/api/jobs/${at(reference)}/explain`;

/** A picture's address in a format, or its thumbnail's. */
export const file = (reference, suffix = "png") => `/files/${reference}.${suffix}`;
export const thumbnail = (reference) => `/files/${reference}.webp?size=256`;

/** Ask for bytes; a mask that the server found, a picture that was handed in. */
export async function bytes(reference) {
  const response = await fetch(file(reference)).catch(() => {
    link.lost();
    throw new ApiError(AWAY);
  });
  if (!response.ok)
    throw new ApiError(`There is no picture ${reference}.`, { status: response.status });
  return response.blob();
}
