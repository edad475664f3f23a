// Before and after: two plays of one sound in step, one over the other, and a slider that wipes between them.

import { h, icon } from "./dom.js";

const APART = 0.06; // seconds by which the two may differ before one is set right

/** Lay the video of `source`, which is silent, over another one; gives the slider and a button that plays both. */
export function wiped(screen, video, source) {
  const before = h("video", { src: source, className: "before", muted: true, playsInline: true, preload: "auto", tabIndex: -1, "aria-hidden": "true" });
  const range = h("input", { type: "range", min: 0, max: 100, step: 1, value: 50, "aria-label": "Before and after: how much is seen as before it was learnt", oninput: wipe });
  const words = h("span", {}, "Play");
  const button = h("button", { type: "button", className: "secondary", onclick: () => (video.paused ? video.play() : video.pause()) }, icon("play"), words);

  function wipe() {
    screen.style.setProperty("--before", `${range.value}%`);
    range.setAttribute("aria-valuetext", `${range.value} % before`);
  }

  function follow() {
    if (Math.abs(before.currentTime - video.currentTime) > APART) before.currentTime = video.currentTime;
    if (before.paused !== video.paused) video.paused ? before.pause() : before.play().catch(() => {});
    words.textContent = video.paused ? "Play" : "Pause";
    button.firstChild.replaceWith(icon(video.paused ? "play" : "pause"));
  }

  for (const type of ["play", "playing", "pause", "seeking", "seeked", "timeupdate"]) video.addEventListener(type, follow);
  before.addEventListener("loadeddata", follow);
  video.controls = false;
  video.addEventListener("click", () => button.click());
  screen.classList.add("compare");
  screen.append(before, h("span", { className: "side" }, "before"), h("span", { className: "side after" }, "after"), range);
  wipe();
  return button;
}
