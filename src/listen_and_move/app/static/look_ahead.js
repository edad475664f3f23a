// How much sound a live picture waits for: less, and it comes sooner and follows less well.

import { h, recall, remember } from "./dom.js";

const KEY = "look-ahead";

/** A field to choose from; `changed` is called when another one was chosen. */
export function lookAheadChooser(changed) {
  const select = h("select", { id: "look-ahead", onchange: () => { remember(KEY, select.value); tell(null); changed(); } });
  const cost = h("p", { className: "soft" });
  const element = h("div", { className: "field", hidden: true }, h("label", { htmlFor: "look-ahead" }, "Look-ahead"), select, cost);

  /** How much of the motion is left, as the server found; null: all of it, or not known. */
  function tell(left) {
    cost.textContent = left === null ? "" : `${Math.round(100 * left)} % of the motion drawn for the training sound is as with all of it.`;
  }

  return {
    element,
    tell,
    offer(run) {
      const trained = Math.round((run.look_ahead ?? 0) * run.fps);
      const frames = Array.from({ length: trained }, (_, count) => trained - 1 - count);
      const words = (count) => (count ? `${Math.round((1000 * count) / run.fps)} ms` : "none: as soon as can be");
      select.replaceChildren(h("option", { value: "" }, `as trained: ${Math.round((1000 * trained) / run.fps)} ms`), ...frames.map((count) => h("option", { value: `${count}` }, words(count))));
      select.value = frames.includes(Number(recall(KEY, "") || NaN)) ? recall(KEY, "") : "";
      element.hidden = !trained;
      tell(null);
    },
    /** Frames; null: as trained. */
    get chosen() { return select.value === "" ? null : Number(select.value); },
  };
}
