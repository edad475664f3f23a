// A video that is played with nothing learnt, and how it is learnt while it plays.

import { h, icon } from "./dom.js";
import { post, remove, trying } from "./api.js";
import { choices } from "./choices.js";
import { slug } from "./names.js";

const AGAIN = 5; // seconds after which a video is asked for again that the page had no place for

/** What is said of the chosen video, and the button that learns it; `refresh` asks the server anew. */
export function videoState(refresh) {
  const words = h("p", { className: "soft", role: "status" });
  const bar = h("progress", { max: 1, hidden: true, "aria-label": "Progress of the training" });
  const button = h("button", { type: "button", className: "secondary", hidden: true }, icon("film"), "Learn it");
  const again = h("button", { type: "button", className: "secondary", hidden: true }, "Try again");
  const link = h("a", { className: "soft", hidden: true }, "Watch it learn");
  const element = h("div", { className: "video-state", hidden: true }, words, bar, h("div", { className: "row" }, button, again, link));
  const asked = new Set();
  const refused = new Map(); // why the page had no place for what plays a video

  async function learn(upload, taken) {
    button.disabled = true;
    await trying(async () => {
      await post("/api/runs", { name: slug(upload.name, taken), upload: upload.id, preset: choices.default_preset, settings: {} });
      await refresh();
    });
    button.disabled = false;
  }

  /** Ask for what plays a video: once, but again where it was refused before it began. */
  async function prepare(upload) {
    if (asked.has(upload.id)) return;
    asked.add(upload.id);
    try {
      await post("/api/jobs", { kind: "prepare", upload: upload.id });
      refused.delete(upload.id);
    } catch (error) {
      refused.set(upload.id, error.message);
      setTimeout(() => asked.delete(upload.id), 1000 * AGAIN);
    }
  }

  /** Ask anew for what failed; there may be room for it now. */
  async function retry(upload, job) {
    again.disabled = true;
    await trying(() => remove(`/api/jobs/${job.id}`));
    asked.delete(upload.id);
    await prepare(upload);
    await refresh();
    again.disabled = false;
  }

  /** `entry`: the chosen video, or null; the rest as the server says. */
  function show(entry, { runs, preparing, failed, jobs }) {
    element.hidden = !entry;
    if (!entry) return;
    const { upload } = entry;
    const job = jobs.find((each) => each.kind === "prepare" && each.upload === upload.id);
    if (!upload.plays && !job) prepare(upload);
    const run = runs.find(({ name }) => name === upload.learnt);
    const broken = failed.find(({ name }) => name === upload.learnt);
    const learning = preparing.includes(upload.learnt) || (run && run.training !== "resting");
    const lost = !upload.plays && job?.state === "failed";
    words.className = lost ? "failed" : "soft";
    const text = said(entry, { job, run, broken, learning, refusal: refused.get(upload.id) });
    if (words.textContent !== text) words.textContent = text; // said once
    bar.hidden = !learning;
    if (run?.step) bar.value = run.step / run.steps;
    else bar.removeAttribute("value");
    link.hidden = !run;
    link.href = `/runs/${encodeURIComponent(upload.learnt ?? "")}`;
    link.textContent = learning ? "Watch it learn" : "What was learnt";
    again.hidden = !lost;
    again.onclick = () => retry(upload, job);
    button.hidden = Boolean(run || learning) || !upload.plays;
    button.onclick = () => learn(upload, [...runs, ...failed].map(({ name }) => name).concat(preparing));
  }

  return { element, show };
}

function said({ upload, run: model }, { job, run, broken, learning, refusal }) {
  if (model) return `What is played next is played by the model that was learnt of it, ${model.step} steps so far.`.replace(learning ? "" : " so far", "");
  if (learning) return `It is being learnt${run?.step ? `, ${run.step} of ${run.steps} steps` : ""}. Meanwhile it plays by its sound alone.`;
  if (broken || run?.message) return `It could not be learnt: ${broken?.message || run?.message || "the training ended before it began"}`;
  if (upload.plays) return "It plays by its sound alone. Once it is learnt, it follows better; what is learnt is a run, which all who use this page see.";
  if (job?.state === "failed") return job.error;
  return refusal && !job ? `${refusal} It is asked for again by itself.` : "It is being made ready to play …";
}
