// Choosing what is played: a model by its picture, or a video of this visitor, which plays with nothing learnt.

import { h, recall, remember, seconds } from "./dom.js";
import { get, polling } from "./api.js";
import { dropzone } from "./drop.js";
import { firstModel } from "./first.js";
import { videoState } from "./videos.js";

const KEY = "played";

export const pictureOf = (run) => `/api/runs/${encodeURIComponent(run.name)}/picture?${run.picture}`;

/** A model as it can be chosen: what it shows and lacks, its still, and how it is asked for. */
const ofRun = (run) => ({ ...run, key: `run/${run.name}`, still: pictureOf(run), wish: { model: run.name }, facts: `${(run.shows ?? run).width} × ${(run.shows ?? run).height} · ${run.step} steps` });

/** A video likewise: played by the run that learns it as soon as there is a model, before by its sound alone. */
function ofVideo(upload, runs) {
  const run = runs.find(({ name, picture, width }) => name === upload.learnt && picture && width);
  const played = run ? { ...run, wish: { model: run.name } } : { ...upload.plays, wish: { video: upload.id } };
  return { ...played, upload, run, name: upload.name, key: `video/${upload.id}`, still: `/api/uploads/${upload.id}/still`, facts: `video · ${seconds(upload.seconds)}` };
}

/** What an address asks for, or what was chosen before. */
function wanted() {
  const asked = new URLSearchParams(location.search);
  if (asked.has("model")) return `run/${asked.get("model")}`;
  return asked.has("video") ? `video/${asked.get("video")}` : recall(KEY, "");
}

/** A group of pictures to choose from; `changed` hears what is chosen, and whether it is what was chosen before, played by
 * something better now. */
export function modelPicker(changed) {
  const list = h("div", { className: "models" }, h("p", { className: "soft" }, "Looking for models …"));
  const state = videoState(() => poll.now());
  const bring = dropzone("video", "Drop a video: it plays at once", "video/*", (upload) => { key = `video/${upload.id}`; poll.now(); });
  let key = wanted(); // of what may not be there yet, or no longer
  let chosen = null;
  let before = "";

  function choose(entry) {
    const better = entry.key === chosen?.key;
    const same = better && JSON.stringify(entry.wish) === JSON.stringify(chosen.wish) && Boolean(entry.width) === Boolean(chosen.width);
    chosen = entry;
    remember(KEY, entry.key);
    if (!same) changed(entry, better && Boolean(entry.run));
  }

  function card(entry) {
    const input = h("input", { type: "radio", name: "model", value: entry.key, checked: entry.key === chosen.key, onchange: () => { key = entry.key; choose(entry); poll.now(); } });
    const picture = h("img", { src: entry.still, alt: "", loading: "lazy", width: 96, height: 96 });
    return h("label", { className: "model" }, input, picture, h("span", {}, h("b", {}, entry.name), h("small", {}, entry.facts)));
  }

  const poll = polling(async () => {
    const [{ runs, preparing, failed }, uploads, jobs] = await Promise.all(["runs", "uploads", "jobs"].map((each) => get(`/api/${each}`)));
    const videos = uploads.filter((upload) => upload.kind === "video").map((upload) => ofVideo(upload, runs));
    const entries = [...videos, ...runs.filter((run) => run.picture && run.width).map(ofRun)];
    const learning = [...preparing.map((name) => ({ name })), ...runs.filter((run) => run.training !== "resting")];
    const [entry = entries[0]] = [key, chosen?.key].flatMap((known) => entries.filter((each) => each.key === known));
    if (entry) choose(entry);
    state.show(entry?.upload ? entry : null, { runs, preparing, failed, jobs });
    const text = JSON.stringify(entries.length ? entries.map((each) => [each.key, each.still, each.facts]) : learning);
    if (text === before) return; // what did not change keeps its focus
    before = text;
    const focused = list.contains(document.activeElement) && document.activeElement.value;
    list.replaceChildren(...(entries.length ? entries.map(card) : [firstModel(learning, () => poll.now())]));
    if (focused) list.querySelector(`[value="${CSS.escape(focused)}"]`)?.focus();
  }, 1500);

  return {
    element: h("div", {}, list, state.element, bring.element),
    stop: poll.stop,
    get chosen() { return chosen; },
    /** How the server is asked for it.
     * @throws where nothing can be played yet. */
    get wish() {
      if (!chosen) throw new Error("Choose a model first, or drop a video.");
      if (!chosen.width) throw new Error(`${chosen.name} is being made ready: it can be played in a moment.`);
      return chosen.wish;
    },
  };
}
