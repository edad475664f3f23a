// Names of runs.

const LONGEST = 40;

/** A name for a run of a file: small letters, digits and dashes, and none of those that are taken. */
export function slug(file, taken = []) {
  const stem = file.replace(/\.[^.]*$/, "").toLowerCase();
  const base = stem.replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, LONGEST) || "run";
  const numbered = (count) => (count < 2 ? base : `${base.slice(0, LONGEST - 1 - `${count}`.length)}-${count}`);
  let count = 1;
  while (taken.includes(numbered(count))) count += 1;
  return numbered(count);
}
