/** Pictures that were handed in during this visit, so that they can be shown before a reload. */

import * as api from "./api.js";

const given = new Map(); // "sha256:..." -> {blob, name, ...what the server read in it}

/** Hand in a file. Resolves to what the server read in it. */
export async function handIn(file) {
  const told = await api.upload(file);
  const about = { ...told, blob: file, name: file.name ?? "" };
  given.set(told.picture, about);
  return about;
}

/** The bytes of a picture that was handed in, or undefined. */
export const shownOf = (reference) => given.get(reference)?.blob;

/** All that is known of it, or undefined. */
export const aboutOf = (reference) => given.get(reference);
