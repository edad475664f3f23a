// Which view an address shows. A view is shown into an element and gives back how it ends.

import { h } from "./dom.js";
import { notice } from "./api.js";
import * as animate from "./animate.js";
import * as live from "./live.js";
import * as runs from "./runs.js";
import * as run from "./run.js";
import * as train from "./train.js";

const VIEWS = [
  [/^\/$/, "Animate", animate],
  [/^\/live$/, "Live", live],
  [/^\/train$/, "Train", train],
  [/^\/runs$/, "Runs", runs],
  [/^\/runs\/([^/]+)$/, "Runs", run],
];
const main = document.getElementById("main");
let leave = () => {};

async function show() {
  leave();
  leave = () => {};
  const path = location.pathname;
  const [pattern, title, view] = VIEWS.find(([each]) => each.test(path)) ?? VIEWS[0];
  document.title = `${title} · Listen and Move`;
  for (const link of document.querySelectorAll("nav a")) {
    const here = link.textContent === title;
    if (here) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const place = h("div", { className: "view" });
  main.replaceChildren(place);
  try {
    leave = view.show(place, ...path.match(pattern).slice(1).map(decodeURIComponent)) ?? leave;
  } catch (error) {
    notice(error.message, "error");
  }
}

/** Go to another view without loading the page again. */
function go(path) {
  history.pushState(null, "", path);
  show();
  main.focus({ preventScroll: true });
  scrollTo(0, 0);
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  const plain = !event.defaultPrevented && event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
  if (!link || !plain || link.target || link.hasAttribute("download")) return;
  const { pathname, origin, hash } = new URL(link.href);
  if (origin !== location.origin || hash || !VIEWS.some(([pattern]) => pattern.test(pathname))) return;
  event.preventDefault();
  go(pathname);
});
addEventListener("popstate", show);
addEventListener("go", (event) => go(event.detail));
show();
