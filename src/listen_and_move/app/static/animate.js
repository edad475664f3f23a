// Animate: a model, a sound, dials; then results, each with its progress, its video and its chart.

import { h, icon, recall, remember } from "./dom.js";
import { get, notice, polling, post, remove, trying } from "./api.js";
import { motionChart } from "./chart.js";
import { wiped } from "./compare.js";
import { dialBoard, dialWords } from "./dials.js";
import { fullScreenButton } from "./fullscreen.js";
import { modelPicker } from "./models.js";
import { pictureChooser, pictureWords } from "./pictures.js";
import { shareButton } from "./share.js";
import { soundPicker } from "./sounds.js";

const BEFORES = "befores";
const MOST_BEFORES = 32; // more than a visitor has results

export function show(place) {
  const picker = modelPicker(async (entry) => {
    shown.offer(entry);
    fit();
    const { model } = entry.wish;
    const details = model && (await trying(() => get(`/api/runs/${encodeURIComponent(model)}`)));
    paste.closest("label").hidden = !details?.can_paste;
  });
  const shown = pictureChooser(() => fit());
  const sounds = soundPicker(() => {});
  const board = dialBoard("animate");
  const seed = h("input", { type: "number", id: "seed", min: 0, step: 1, value: recall("seed", 0), onchange: () => remember("seed", seed.valueAsNumber) });
  const paste = h("input", { type: "checkbox", checked: recall("paste", false), onchange: () => remember("paste", paste.checked) });
  const button = h("button", { className: "primary" }, icon("play"), "Animate");
  const results = resultList();

  /** Offer what makes a difference to the chosen picture. */
  function fit() {
    seed.closest(".field").hidden = !shown.has_seed;
    board.withhold(shown.lacks);
  }

  async function start(event) {
    event.preventDefault();
    await trying(async () => {
      const played = picker.wish;
      if (!sounds.chosen) throw new Error("Bring a sound first: drop a file, or record one.");
      const pasted = paste.checked && !paste.closest("label").hidden;
      button.disabled = true;
      await post("/api/jobs", { kind: "animate", ...played, upload: sounds.chosen, seed: seed.valueAsNumber || 0, ...board.chosen(), paste: pasted, picture: shown.chosen });
      await results.now();
      if (results.element.getBoundingClientRect().top > innerHeight / 2) results.element.scrollIntoView({ behavior: "smooth" });
    });
    button.disabled = false;
  }

  place.append(
    h("div", { className: "intro" }, h("h1", {}, "Animate"), h("p", {}, "Play a picture with any sound.")),
    h("div", { className: "columns" },
      h("form", { className: "panel", onsubmit: start },
        h("fieldset", {}, h("legend", {}, "Picture"), picker.element, shown.element),
        h("fieldset", {}, h("legend", {}, "Sound"), sounds.element),
        h("details", { className: "more", open: recall("dials-open", false), ontoggle: (event) => remember("dials-open", event.target.open) },
          h("summary", {}, "How it is played"), board.element,
          h("div", { className: "field", hidden: true }, h("label", { htmlFor: "seed" }, "Seed: another play of the same sound"), seed),
          h("label", { className: "check", hidden: true }, paste, "Put the picture back into the whole video")),
        button),
      results.element));
  return () => { picker.stop(); results.stop(); sounds.stop(); };
}

/** The visitor's results, the newest first; a card stays the same element, so that a video plays on. */
function resultList() {
  const cards = new Map();
  const empty = h("p", { className: "empty" }, "Results appear here.");
  const element = h("section", { className: "results", "aria-label": "Results" }, empty);
  const poll = polling(async () => {
    const all = (await get("/api/jobs")).filter((job) => job.kind === "animate");
    const made = madeBefores();
    const jobs = all.filter(({ id }) => !made.has(id));
    for (const job of jobs) {
      if (!cards.has(job.id)) cards.set(job.id, resultCard(job, poll));
      cards.get(job.id).update(job, all);
    }
    for (const id of cards.keys()) if (!jobs.some((job) => job.id === id)) cards.delete(id);
    const wanted = jobs.length ? jobs.map((job) => cards.get(job.id).element) : [empty];
    if (wanted.some((each, index) => each !== element.children[index]) || wanted.length !== element.children.length) element.replaceChildren(...wanted);
  }, 700);
  return { element, now: () => poll.now(), stop: () => poll.stop() };
}

function resultCard({ id, about }, poll) {
  const bar = h("progress", { max: 1, "aria-label": "Progress" });
  const state = h("p", { className: "soft", role: "status" });
  const notes = h("ul", { className: "notes" });
  const body = h("div", { className: "result" });
  const dismiss = h("button", { type: "button", className: "quiet", "aria-label": `Remove ${about.sound}`, onclick: () => trying(async () => { await remove(`/api/jobs/${id}`); await poll.now(); }) }, icon("remove"));
  const element = h("article", { className: "card" },
    h("header", {}, h("h2", {}, about.sound), h("span", { className: "soft" }, about.model), dismiss), body, state, bar, notes);
  let compared = null; // set when before and after are asked for

  /** Ask for the same sound by the sound alone, and lay it over this result when it is there. */
  const compare = (job) => trying(async () => {
    const { model, seed, gain, paste } = job.about;
    const asked = { kind: "animate", model, upload: job.upload, seed, gain, controls: {}, paste, by_sound: true };
    const known = (await get("/api/jobs")).find((other) => isBefore(other, job) && other.state !== "failed");
    compared.id = known?.id ?? (await post("/api/jobs", asked)).id;
    keepBefore(id, { id: compared.id, made: !known });
    await poll.now();
  }).then(() => { if (!compared.id) compared.again(); });

  function update(job, jobs) {
    notes.replaceChildren(...(job.notes ?? []).map((note) => h("li", {}, note)));
    bar.hidden = job.state !== "open";
    element.dataset.state = job.state;
    state.className = job.state === "failed" ? "failed" : "soft";
    state.textContent = words(job);
    if (job.total) bar.value = job.done / job.total;
    if (job.state === "done" && !body.children.length) {
      const { elements, again, lay } = played(job, () => compare(job));
      compared = { id: befores[id]?.id ?? null, again, lay };
      body.append(...elements);
    }
    const before = compared?.id && jobs.find((other) => other.id === compared.id);
    if (!before || before.state === "open") return;
    if (before.state === "done") compared.lay(`/api/jobs/${before.id}/result`);
    else {
      notice(before.error, "error");
      keepBefore(id, undefined);
      compared.again();
    }
    compared.id = null;
  }

  return { element, update };
}

/** What each result is compared with: the id of a job, and whether that was made to be compared with; a reload keeps it. */
const befores = recall(BEFORES, {});

function keepBefore(id, before) {
  befores[id] = before;
  remember(BEFORES, Object.fromEntries(Object.entries(befores).slice(-MOST_BEFORES)));
}

/** The jobs that are seen in the result that they are laid over, and not by themselves. */
const madeBefores = () => new Set(Object.values(befores).filter((before) => before?.made).map((before) => before.id));

/** Whether a job is the play of the same sound by the sound alone, as loud and of the same part of the picture. */
const isBefore = (other, job) => other.about.by_sound && other.upload === job.upload && ["model", "gain", "paste"].every((name) => other.about[name] === job.about[name]);

function words(job) {
  if (job.state === "failed") return job.error;
  if (job.state === "done") return [...dialWords("animate", job.about), ...(job.about.picture === "auto" ? [] : [pictureWords(job.about.picture)]), ...(job.about.by_sound ? ["by its sound alone"] : []), ...(job.about.paste ? ["put back into the video"] : [])].join(" · ");
  if (job.before) return `Waiting: ${job.before} before it`;
  if (!job.total) return "Listening …";
  return job.done === job.total ? "Measuring …" : `${job.done} of ${job.total} frames`;
}

/** A result: its elements, the video of what was before laid over it, and the button for that offered again. */
function played(job, compare) {
  const source = `/api/jobs/${job.id}/result`;
  const video = h("video", { src: source, controls: true, loop: true, playsInline: true, preload: "auto" });
  const download = h("a", { className: "button secondary", href: `${source}?download`, download: "" }, icon("download"), "Download");
  const screen = h("div", { className: "player" }, video);
  const text = h("span", {}, "Before and after");
  const wipe = h("button", { type: "button", className: "secondary", hidden: job.about.by_sound, onclick: () => { wipe.disabled = true; text.textContent = "The picture before is being made …"; compare(); } }, icon("wipe"), text);
  const row = h("div", { className: "row" }, wipe, download, fullScreenButton(screen));
  if (!job.about.by_sound) get(`/api/runs/${encodeURIComponent(job.about.model)}`).then((run) => run.publishes && row.append(shareButton(run)), () => {}); // the run is gone: nothing to share
  return {
    elements: [screen, motionChart(job.chart, video), row],
    again: () => { wipe.disabled = false; text.textContent = "Before and after"; },
    lay: (before) => wipe.replaceWith(wiped(screen, video, before)),
  };
}
