// One run: how it stands, its figures, curves and samples, its model.

import { bytes, h, icon } from "./dom.js";
import { get, notice, polling, post, trying } from "./api.js";
import { curve } from "./chart.js";
import { pictureOf } from "./models.js";
import { badge } from "./runs.js";
import { shareButton } from "./share.js";

const FIGURES = {
  dcor: ["pixels that change alike", "held-out correlation of frame differences: 1 is perfect, 0 a still"],
  motion_correlation: ["motion over time", "held-out correlation of motion energy: 1 is perfect"],
  motion_ratio: ["amount of motion", "over the real one: 1 is right"],
  sharpness_moving: ["sharpness where it moves", "over the real one: 1 is right"],
  psnr: ["PSNR in dB", "of held-out frames"],
};
const CURVES = {
  "held_out/dcor": "Pixels that change alike",
  "generator/l1": "Difference from the clip",
  "generator/difference": "Difference of changes",
  "generator/video": "Against the video critic",
  "video_critic/fake": "Video critic",
  "image_critic/fake": "Image critic",
};

export function show(place, name) {
  const address = `/api/runs/${encodeURIComponent(name)}`;
  const head = h("div", { className: "runhead" });
  const actions = h("div", { className: "row actions" });
  const holds = h("p", { className: "soft holds" });
  const message = h("p", { className: "failed", role: "status", hidden: true });
  const figures = h("div", { className: "numbers" });
  const curves = h("div", { className: "curves" });
  const samples = sampleViewer(address);
  place.append(h("a", { className: "back", href: "/runs" }, "← All runs"), head, message, holds, actions, figures, h("div", { className: "columns even" }, samples.element, h("section", { "aria-label": "Curves" }, curves)));

  let before = {};
  const changed = (part, value) => {
    const text = JSON.stringify(value);
    const differs = before[part] !== text;
    before[part] = text;
    return differs;
  };

  const poll = polling(async () => {
    const run = await get(address);
    message.hidden = !(run.error || run.message);
    message.textContent = run.error || run.message || "";
    if (changed("head", [run.step, run.steps, run.training, run.changed, run.speed, run.error])) head.replaceChildren(...heading(run));
    if (changed("actions", [run.training, run.trained, run.picture, run.has_report, run.step >= run.steps, run.model_bytes, run.publishes])) actions.replaceChildren(...buttons(run, address, () => poll.now()));
    holds.textContent = run.holds ?? "";
    if (run.preparing) return;
    if (changed("figures", run.figures)) figures.replaceChildren(...Object.entries(run.figures).filter(([key]) => Object.hasOwn(FIGURES, key)).map(figure));
    if (changed("curves", run.curves)) curves.replaceChildren(...Object.entries(CURVES).filter(([key]) => run.curves[key]?.length).map(([key, title]) => curve(title, run.curves[key])));
    samples.update(run.samples);
  }, 1500);
  return () => poll.stop();
}

function heading(run) {
  const picture = run.picture ? h("img", { src: pictureOf(run), alt: "", width: 96, height: 96 }) : h("div", { className: "nopicture" });
  const learning = run.training !== "resting";
  const left = learning && run.speed ? remaining((run.steps - run.step) / run.speed) : "";
  const facts = run.width ? `draws ${run.width} × ${run.height} pixels · ${run.fps} frames per second · ${run.shows ? `shows ${run.shows.width} × ${run.shows.height} · ` : ""}hears ${Math.round(run.hears_ahead * 1000)} ms ahead` : run.error ? "" : "The video is being read …";
  const bar = learning ? h("progress", { max: 1, value: run.steps ? run.step / run.steps : null, "aria-label": "Progress of the training" }) : null;
  if (bar && !run.steps) bar.removeAttribute("value");
  return [picture, h("div", {}, h("h1", {}, run.name), h("p", {}, badge(run), " ", h("span", { className: "soft" }, left)), h("p", { className: "soft" }, facts), bar)];
}

function remaining(time) {
  return time < 90 ? "less than two minutes left" : time < 5400 ? `about ${Math.round(time / 60)} minutes left` : `about ${Math.round(time / 3600)} hours left`;
}

function buttons(run, address, refresh) {
  const found = [];
  const model = encodeURIComponent(run.name);
  if (run.training !== "resting") found.push(h("button", { type: "button", className: "secondary", disabled: run.training === "stopping", onclick: () => trying(async () => { await post(`${address}/stop`); await refresh(); }) }, icon("stop"), run.training === "stopping" ? "Saving …" : "Stop"));
  else if (run.trained) found.push(resume(run, address, refresh));
  if (run.picture) {
    found.push(h("a", { className: "button secondary", href: `/?model=${model}` }, icon("film"), "Animate"), h("a", { className: "button secondary", href: `/live?model=${model}` }, icon("record"), "Live"));
    found.push(h("a", { className: "button secondary", href: `${address}/model`, download: "" }, icon("download"), `Model, ${bytes(run.model_bytes)}`));
  }
  if (run.publishes && run.picture) found.push(shareButton(run));
  if (run.has_report) found.push(h("a", { className: "button secondary", href: `${address}/report`, target: "_blank", rel: "noopener" }, "Report"));
  return found;
}

/** Go on, to the steps that were meant or to more. */
function resume(run, address, refresh) {
  const steps = h("input", { type: "number", id: "more-steps", min: run.step + 1, step: 1, value: run.step < run.steps ? run.steps : run.steps * 2 });
  const go = async (event) => {
    event.preventDefault();
    await trying(async () => {
      await post(`${address}/resume`, { steps: steps.valueAsNumber });
      notice(`${run.name} goes on.`);
      await refresh();
    });
  };
  return h("form", { className: "resume", onsubmit: go }, h("button", { className: "secondary" }, icon("play"), "Go on"), h("label", { htmlFor: "more-steps" }, "to step"), steps);
}

function figure([key, value]) {
  const [label, hint] = FIGURES[key];
  return h("p", { className: "figure", title: hint }, h("b", {}, value.toFixed(key === "psnr" ? 1 : 3)), h("span", {}, label));
}

/** Real beside generated, as of a step; the newest unless another one was chosen. */
function sampleViewer(address) {
  const video = h("video", { controls: true, loop: true, muted: true, playsInline: true });
  const select = h("select", { id: "sample", onchange: () => load(select.value) });
  const element = h("section", { className: "sample", hidden: true, "aria-label": "Samples" }, video, h("div", { className: "row" }, h("label", { htmlFor: "sample" }, "Left real, right generated, held-out part, step"), select));
  let steps = [];
  const load = (step) => { video.src = `${address}/samples/${step}`; };

  function update(found) {
    if (found.join() === steps.join()) return;
    const newest = !steps.length || Number(select.value) === steps.at(-1);
    const kept = select.value;
    steps = found;
    element.hidden = !steps.length;
    select.replaceChildren(...steps.map((step) => h("option", { value: step }, step)));
    select.value = newest ? steps.at(-1) : kept;
    if (newest && steps.length) load(steps.at(-1));
  }

  return { element, update };
}
