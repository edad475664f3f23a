// Runs: everything in the runs folder, as cards.

import { ago, h } from "./dom.js";
import { get, polling } from "./api.js";
import { firstModel } from "./first.js";
import { pictureOf } from "./models.js";

export function show(place) {
  const list = h("div", { className: "cards" });
  place.append(h("div", { className: "intro" }, h("h1", {}, "Runs"), h("p", {}, "All that was learnt, and what is being learnt.")), list);
  let before = "";
  const poll = polling(async () => {
    const answer = await get("/api/runs");
    const text = JSON.stringify(answer);
    if (text === before) return; // cards that did not change keep their focus
    before = text;
    const focused = document.activeElement?.getAttribute("href");
    list.replaceChildren(...answer.preparing.map((name) => card({ name, training: "learning" })), ...answer.runs.map(card));
    if (!list.children.length) list.append(firstModel([], () => poll.now()));
    if (focused) list.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
  }, 3000);
  return () => poll.stop();
}

function card(run) {
  const picture = run.picture ? h("img", { src: pictureOf(run), alt: "", width: 160, height: 160, loading: "lazy" }) : h("div", { className: "nopicture" });
  const facts = run.error ?? (run.width ? seen(run) : "Preparing …");
  return h("a", { className: "card run", href: `/runs/${encodeURIComponent(run.name)}` }, picture,
    h("div", {}, h("h2", {}, run.name), badge(run), h("p", { className: "soft" }, facts), run.holds ? h("p", { className: "soft" }, run.holds) : null, run.changed ? h("p", { className: "soft" }, ago(run.changed)) : null));
}

/** Size and rate of what a run shows, or learns to. */
function seen(run) {
  const { width, height, fps } = run.shows ?? run;
  return `${width} × ${height} · ${Number(fps.toFixed(2))} frames/s`;
}

/** How the training of a run stands. */
export function badge(run) {
  if (run.error) return h("span", { className: "badge failed" }, "damaged");
  if (run.training !== "resting") return h("span", { className: "badge learning" }, run.steps ? `${run.training} · ${run.step} of ${run.steps}` : run.training);
  if (run.message) return h("span", { className: "badge failed" }, "stopped by a problem");
  const done = run.step >= run.steps;
  return h("span", { className: `badge ${done ? "done" : ""}` }, done ? `${run.step} steps` : `stopped at ${run.step} of ${run.steps}`);
}
