// Train: a video, what is said of it, the part that is learnt, a few choices; then the run's own page.

import { h, icon, recall, remember, seconds } from "./dom.js";
import { get, polling, post, remove, trying } from "./api.js";
import { choices } from "./choices.js";
import { cropEditor } from "./crop.js";
import { dropzone } from "./drop.js";
import { go } from "./go.js";
import { slug } from "./names.js";

const KEPT = { source: "Frames as large as filmed", small: "Smaller frames", none: "No frames: the network draws" };

export function show(place) {
  const now = h("div", { className: "now" });
  const work = h("div", {});
  const bring = dropzone("video", "Drop a video with its sound here", "video/*", (upload) => { remember("video", upload.id); open(upload); });
  let form = null;

  const poll = polling(async () => {
    const { runs, preparing, failed } = await get("/api/runs");
    const learning = runs.filter((run) => run.training !== "resting");
    now.replaceChildren(...preparing.map((name) => banner(name, "is being prepared", 0)), ...learning.map((run) => banner(run.name, `${run.step} of ${run.steps} steps`, run.steps ? run.step / run.steps : 0)), ...failed.map((run) => failure(run, poll)));
  }, 2000);

  function open(upload) {
    form?.stop();
    form = trainingForm(upload);
    work.replaceChildren(form.element);
  }

  trying(async () => {
    const videos = (await get("/api/uploads")).filter((upload) => upload.kind === "video");
    const last = videos.find((upload) => upload.id === recall("video", null)) ?? videos[0];
    if (last && !form) open(last);
  });
  place.append(
    h("div", { className: "intro" }, h("h1", {}, "Train"), h("p", {}, "Learn one video with its sound: one camera that stands still, and motion that is heard.")),
    now, bring.element, work);
  return () => { poll.stop(); form?.stop(); };
}

function banner(name, words, share) {
  const bar = h("progress", { max: 1, value: share, "aria-label": `Training of ${name}` });
  return h("a", { className: "banner", href: `/runs/${encodeURIComponent(name)}` }, h("span", { className: "badge learning" }, "learning"), h("b", {}, name), h("span", { className: "soft" }, words), bar);
}

function failure({ name, message }, poll) {
  const dismiss = () => trying(async () => { await remove(`/api/runs/${encodeURIComponent(name)}`); await poll.now(); });
  return h("div", { className: "banner failed" }, h("span", { className: "badge failed" }, "failed"), h("b", {}, name), h("span", {}, message || "The training ended before it began."), h("button", { type: "button", className: "quiet", "aria-label": `Dismiss ${name}`, onclick: dismiss }, icon("remove")));
}

function trainingForm(upload) {
  const key = `training-${upload.id}`;
  const chosen = { preset: null, size: null, steps: null, keep: null, start: "", end: "", crop: null, name: slug(upload.name), near: false, ...recall(key, {}) };
  const keep = (changes) => { Object.assign(chosen, changes); remember(key, chosen); };
  const editor = cropEditor(`/api/uploads/${upload.id}/still`, upload, (box) => keep({ crop: box }));
  const field = (id, label, control, hint) => h("div", { className: "field" }, h("label", { htmlFor: id }, label), Object.assign(control, { id }), hint ? h("small", {}, hint) : null);
  const known = (name) => choices.settings[name];
  const setting = (name, control) => field(name.split(".")[1], known(name).label, control, known(name).help);
  const numeric = (name) => ({ type: "number", min: known(name).lowest, max: known(name).highest, step: known(name).step ?? "any" });
  const text = (name, properties) => h("input", { value: chosen[name] ?? "", onchange: (event) => keep({ [name]: event.target.value.trim() }), ...properties });
  const preset = h("select", { onchange: () => { keep({ preset: preset.value, size: null, steps: null, keep: null }); fill(); } });
  const size = h("select", { onchange: () => { keep({ size: size.value }); reshape(); } });
  const steps = h("input", { ...numeric("training.steps"), onchange: () => keep({ steps: steps.valueAsNumber || null }) });
  const kept = h("select", { onchange: () => keep({ keep: kept.value }) });
  const near = h("input", { type: "checkbox", checked: chosen.near, onchange: () => keep({ near: near.checked }) });
  const name = text("name", { pattern: "[a-z0-9][a-z0-9\\-]{0,39}", required: true, title: "Small letters, digits and dashes" });
  const start = text("start", { ...numeric("clip.start"), placeholder: "0" });
  const end = text("end", { ...numeric("clip.end"), placeholder: upload.seconds.toFixed(1) });
  const report = inspection(upload, () => clip(), (box) => { keep({ crop: box }); reshape(); }, (scene) => [start, end].forEach((moment, place) => { moment.placeholder = scene[place].toFixed(2); }));
  const button = h("button", { className: "primary" }, icon("play"), "Start training");

  const reshape = () => {
    const [width, height] = `${size.value}x${size.value}`.split("x").map(Number);
    const sides = size.value.includes("x") ? size.value.split("x").map(Number) : [width, height];
    editor.set(chosen.crop, ...sides);
  };
  const moments = () => Object.fromEntries(["start", "end"].filter((each) => chosen[each] !== "").map((each) => [each, Number(chosen[each])]));
  const clip = () => ({ "crop": editor.box.join(","), "size": size.value, ...moments() });

  function fill() {
    const base = choices.presets[preset.value];
    const wanted = chosen.size ?? base.size;
    size.replaceChildren(...[...new Set([wanted, ...known("clip.size").usual])].map((each) => h("option", { value: each, selected: each === wanted }, each.replace("x", " × "))));
    steps.value = chosen.steps ?? base.steps;
    kept.replaceChildren(...known("training.keep").usual.map((each) => h("option", { value: each, selected: each === (chosen.keep ?? base.keep) }, KEPT[each])));
    near.closest("label").hidden = !base.future;
    if (chosen.crop) reshape();
    else {
      const sides = wanted.includes("x") ? wanted.split("x").map(Number) : [Number(wanted), Number(wanted)];
      editor.set(null, ...sides);
      editor.whole();
    }
  }

  async function begin(event) {
    event.preventDefault();
    button.disabled = true;
    await trying(async () => {
      const part = Object.fromEntries(Object.entries(clip()).map(([each, value]) => [`clip.${each}`, value]));
      const settings = { ...part, "training.steps": steps.valueAsNumber, "training.keep": kept.value, ...(near.checked && choices.presets[preset.value].future ? { "features.future": 0 } : {}) };
      await post("/api/runs", { name: name.value.trim(), upload: upload.id, preset: preset.value, settings });
      go(`/runs/${encodeURIComponent(name.value.trim())}`);
    });
    button.disabled = false;
  }

  const element = h("form", { className: "columns train", onsubmit: begin },
    h("section", { className: "panel", "aria-label": known("clip.crop").label },
      h("h2", {}, upload.name, h("small", {}, ` ${seconds(upload.seconds)}, ${upload.width} × ${upload.height} pixels`)),
      h("div", { className: "row" }, h("a", { className: "button secondary", href: `/?video=${upload.id}` }, icon("play"), "Play it at once"), h("span", { className: "soft" }, "by its sound alone, with nothing learnt")),
      h("div", { className: "learn" }, h("div", {}, editor.element, h("p", { className: "soft" }, "Drag the part that moves with the sound. What is outside is not learnt.")), report.element)),
    h("section", { className: "panel", "aria-label": "Choices" },
      field("preset", "Preset", preset), setting("clip.size", size), setting("training.steps", steps), setting("training.keep", kept),
      h("div", { className: "pair" }, setting("clip.start", start), setting("clip.end", end)),
      h("label", { className: "check", title: known("features.future").help }, near, `For live play: no ${known("features.future").label.toLowerCase()}`),
      field("name", "Name of the run", name), button));

  const begun = chosen.preset ?? choices.default_preset;
  preset.replaceChildren(...Object.entries(choices.presets).map(([each, { about }]) => h("option", { value: each, selected: each === begun }, `${each[0].toUpperCase()}${each.slice(1)} – ${about}`)));
  fill();
  return { element, stop: report.stop };
}

/** What `inspect` says of a video; asked once by itself, then when the visitor wants. */
function inspection(upload, clip, suggest, offer) {
  const facts = h("ul", { className: "facts" });
  const advice = h("ul", { className: "advice" });
  const state = h("p", { className: "soft", role: "status" }, "Looking at picture and sound …");
  const suggested = h("button", { type: "button", className: "secondary", hidden: true }, "Use the suggested part");
  const again = h("button", { type: "button", className: "secondary", onclick: async () => { await ask(clip()); await poll.now(); } }, "Inspect this part");
  const element = h("section", { className: "inspection", "aria-label": "Inspection" }, h("h3", {}, "Inspection"), state, advice, h("div", { className: "row" }, suggested, again), h("details", { className: "more" }, h("summary", {}, "Figures"), facts));
  let first = true;

  const ask = (part) => trying(() => post("/api/jobs", { kind: "inspect", upload: upload.id, clip: part }));

  const poll = polling(async () => {
    const job = (await get("/api/jobs")).find((each) => each.kind === "inspect" && each.upload === upload.id);
    if (!job && first) {
      first = false;
      return void (await ask({}));
    }
    if (job) draw(job);
  }, 1000);

  function draw(job) {
    const working = job.state === "open";
    again.disabled = working;
    state.hidden = !working && job.state !== "failed";
    state.className = job.state === "failed" ? "failed" : "soft";
    state.textContent = working ? "Looking at picture and sound …" : job.error;
    if (job.state !== "done") return;
    advice.replaceChildren(...(job.advice.length ? job.advice : ["nothing speaks against it"]).map((line) => h("li", {}, line)));
    facts.replaceChildren(...job.facts.map((line) => h("li", {}, line)));
    offer(job.scene); // what is learnt where nothing else is chosen
    suggested.hidden = !job.suggested;
    suggested.onclick = () => suggest(job.suggested);
  }

  return { element, stop: () => poll.stop() };
}
