// Where there is no model: how to come to one.

import { h, icon } from "./dom.js";
import { post, trying } from "./api.js";

/** The demonstration, or a video; while one is learnt, how far it is. */
export function firstModel(learning, refresh) {
  if (learning.length) {
    const { name, step, steps } = learning[0];
    const bar = h("progress", { max: 1, "aria-label": `Training of ${name}` });
    if (step) bar.value = step / steps;
    const words = step === undefined ? " is being prepared: " : ` is being learnt, ${step} of ${steps} steps: `;
    return h("div", { className: "empty first" }, h("p", { role: "status" }, h("a", { href: `/runs/${encodeURIComponent(name)}` }, name), words, "it can be played here in a moment."), bar);
  }
  const button = h("button", { type: "button", className: "primary", onclick: () => trying(async () => {
    button.disabled = true;
    await post("/api/demonstration").finally(() => { button.disabled = false; });
    await refresh();
  }) }, icon("play"), "Learn the demonstration");
  return h("div", { className: "empty first" },
    h("p", {}, h("b", {}, "There is no model yet.")),
    h("p", {}, "The demonstration: this machine draws a short film of a marimba and learns it, in a few minutes. Then it plays any sound."), button,
    h("p", {}, "Or ", h("a", { href: "/train" }, "train one"), " with a video of yours."));
}
