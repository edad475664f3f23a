// Choosing a model by its picture; where there is none, how to come to one.

import { h, icon, recall, remember } from "./dom.js";
import { get, polling, post, trying } from "./api.js";

const KEY = "model";

export const pictureOf = (run) => `/api/runs/${encodeURIComponent(run.name)}/picture?${run.picture}`;

/** A group of pictures to choose from; `changed` hears the run that is chosen. */
export function modelPicker(changed) {
  const list = h("div", { className: "models" }, h("p", { className: "soft" }, "Looking for models …"));
  const wanted = new URLSearchParams(location.search).get("model") ?? recall(KEY, "");
  let chosen = null;
  let before = "";

  function choose(run) {
    chosen = run;
    remember(KEY, run.name);
    changed(run);
  }

  function card(run) {
    const input = h("input", { type: "radio", name: "model", value: run.name, checked: run.name === chosen?.name, onchange: () => choose(run) });
    const picture = h("img", { src: pictureOf(run), alt: "", loading: "lazy", width: 96, height: 96 });
    const { width, height } = run.shows ?? run;
    const facts = `${width} × ${height} · ${run.step} steps`;
    return h("label", { className: "model" }, input, picture, h("span", {}, h("b", {}, run.name), h("small", {}, facts)));
  }

  const poll = polling(async () => {
    const { runs, preparing } = await get("/api/runs");
    const models = runs.filter((run) => run.picture && run.width);
    const learning = [...preparing.map((name) => ({ name })), ...runs.filter((run) => run.training !== "resting")];
    const text = JSON.stringify(models.length ? models : learning);
    if (text === before) return; // what did not change keeps its focus
    before = text;
    if (!models.length) return void list.replaceChildren(firstModel(learning, () => poll.now()));
    const run = models.find(({ name }) => name === (chosen?.name ?? wanted)) ?? models[0];
    if (run.name === chosen?.name) chosen = run; // what plays goes on
    else choose(run);
    const focused = list.contains(document.activeElement) && document.activeElement.value;
    list.replaceChildren(...models.map(card));
    if (focused) list.querySelector(`[value="${CSS.escape(focused)}"]`)?.focus();
  }, 2500);

  return { element: list, stop: poll.stop, get chosen() { return chosen; } };
}

/** How to come to a first model: the demonstration, or a video; while one is learnt, how far it is. */
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
