// Which picture of a model is shown: offered where a model can show more than what it draws.

import { h, recall, remember } from "./dom.js";
import { choices } from "./choices.js";

const KEY = "shown";

/** What a picture is called. */
export const pictureWords = (picture) => choices.pictures[picture];

/** A field to choose from; `changed` is called when another one was chosen. */
export function pictureChooser(changed) {
  const chosen = recall(KEY, "auto");
  const options = Object.entries(choices.pictures).map(([value, label]) => h("option", { value, selected: value === chosen }, label));
  const select = h("select", { id: "shown", onchange: () => { remember(KEY, select.value); changed(); } }, options);
  const element = h("div", { className: "field", hidden: true }, h("label", { htmlFor: "shown" }, "What is shown"), select);
  let run = {};
  const picture = () => (run.has_path ? select.value : "auto");
  const isPath = () => run.has_path && (picture() === "path" || (picture() === "auto" && run.path_unasked));

  return {
    element,
    offer: (other) => { run = other; element.hidden = !run.has_path; },
    get chosen() { return picture(); },
    /** Names of the dials that do nothing for this picture. */
    get lacks() { return (isPath() ? run.path_lacks : run.lacks) ?? []; },
    /** Whether a seed makes a difference. */
    get has_seed() { return isPath() || run.has_noise; },
  };
}
