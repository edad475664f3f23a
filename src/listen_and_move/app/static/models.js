// Choosing a model by its picture.

import { h, recall, remember } from "./dom.js";
import { get } from "./api.js";

const KEY = "model";

export const pictureOf = (run) => `/api/runs/${encodeURIComponent(run.name)}/picture?${run.picture}`;

/** A group of pictures to choose from; `changed` hears the run that is chosen. */
export function modelPicker(changed) {
  const list = h("div", { className: "models" }, h("p", { className: "soft" }, "Looking for models …"));
  const wanted = new URLSearchParams(location.search).get("model") ?? recall(KEY, "");
  let chosen = null;

  function choose(run) {
    chosen = run;
    remember(KEY, run.name);
    changed(run);
  }

  function card(run) {
    const input = h("input", { type: "radio", name: "model", value: run.name, checked: run === chosen, onchange: () => choose(run) });
    const picture = h("img", { src: pictureOf(run), alt: "", loading: "lazy", width: 96, height: 96 });
    const { width, height } = run.shows ?? run;
    const facts = `${width} × ${height} · ${run.step} steps`;
    return h("label", { className: "model" }, input, picture, h("span", {}, h("b", {}, run.name), h("small", {}, facts)));
  }

  get("/api/runs").then(({ runs }) => {
    const models = runs.filter((run) => run.picture && run.width);
    if (!models.length) {
      list.replaceChildren(h("p", { className: "empty" }, "There is no model yet. ", h("a", { href: "/train" }, "Train one"), " with a video of yours."));
      return;
    }
    choose(models.find((run) => run.name === wanted) ?? models[0]);
    list.replaceChildren(...models.map(card));
  }).catch((error) => list.replaceChildren(h("p", { className: "empty" }, error.message)));

  return { element: list, get chosen() { return chosen; } };
}
