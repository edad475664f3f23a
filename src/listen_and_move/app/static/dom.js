// Elements, numbers as text, and what is remembered in this browser.

/** An element: properties (on… are listeners, data-… and aria-… attributes), then children; null children are left out. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && !/-|^(list|form|width|height)$/.test(name)) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** An element of a drawing. */
export function s(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.flat());
  return element;
}

const ICONS = {
  upload: "M12 16V4m-5 5 5-5 5 5M4 20h16",
  record: "M12 3a3 3 0 0 0-3 3v6a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3zM5 11a7 7 0 0 0 14 0M12 18v3",
  stop: "M7 7h10v10H7z",
  play: "M8 5l11 7-11 7z",
  download: "M12 4v12m-5-5 5 5 5-5M4 20h16",
  remove: "M6 6l12 12M18 6 6 18",
  full: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  share: "M12 15V4m-4 4 4-4 4 4M6 12v8h12v-8",
  pause: "M9 5v14M15 5v14",
  wipe: "M4 5h16v14H4zM12 3v18M15 10l2 2-2 2M9 10l-2 2 2 2",
  note: "M9 18V5l10-2v13M9 18a3 3 0 1 1-3-3 3 3 0 0 1 3 3zM19 16a3 3 0 1 1-3-3 3 3 0 0 1 3 3z",
  film: "M4 5h16v14H4zM8 5v14M16 5v14M4 9h4M4 15h4M16 9h4M16 15h4",
};

/** A small line drawing beside words. */
export function icon(name) {
  const path = s("path", { d: ICONS[name] });
  return s("svg", { viewBox: "0 0 24 24", class: "icon", "aria-hidden": "true" }, path);
}

export function seconds(value) {
  if (value < 60) return `${value.toFixed(1)} s`;
  return `${Math.floor(value / 60)}:${String(Math.floor(value % 60)).padStart(2, "0")} min`;
}

export function bytes(value) {
  return value < 1e6 ? `${Math.max(1, Math.round(value / 1e3))} kB` : `${(value / 1e6).toFixed(1)} MB`;
}

/** Years, days, hours or minutes that have gone since a moment in seconds. */
export function ago(moment) {
  const gone = Date.now() / 1000 - moment;
  if (gone < 90) return "just now";
  if (gone < 5400) return `${Math.round(gone / 60)} minutes ago`;
  if (gone < 129600) return `${Math.round(gone / 3600)} hours ago`;
  return `${Math.round(gone / 86400)} days ago`;
}

/** What was chosen before a reload. */
export function recall(key, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

export function remember(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // A browser that keeps nothing: the page works, a reload forgets.
  }
}
