// Full screen for a part of the page; Escape leaves.

import { h, icon } from "./dom.js";

/** A button that shows an element on the full screen, and back; hidden where the browser has none. */
export function fullScreenButton(element) {
  const words = h("span", {}, "Full screen");
  const button = h("button", { type: "button", className: "secondary", hidden: !document.fullscreenEnabled, onclick: () => {
    if (document.fullscreenElement === element) document.exitFullscreen();
    else element.requestFullscreen();
  } }, icon("full"), words);
  element.addEventListener("fullscreenchange", () => {
    words.textContent = document.fullscreenElement === element ? "Leave full screen" : "Full screen";
  });
  return button;
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && document.fullscreenElement) document.exitFullscreen();
});
