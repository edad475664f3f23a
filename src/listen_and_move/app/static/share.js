// A run as a page without a server: what it publishes is read, a credit typed, and the archive downloaded.

import { bytes, h, icon, seconds } from "./dom.js";
import { get, polling, post, trying } from "./api.js";
import { choices } from "./choices.js";

/** A button that opens the dialog of a run. */
export function shareButton(run) {
  return h("button", { type: "button", className: "secondary", onclick: () => open(run) }, icon("share"), "Share as a page");
}

function open({ name, publishes }) {
  const credit = h("input", { id: "credit", required: true, maxLength: choices.longest_credit, placeholder: "Film: …, music: …" });
  const agreed = h("input", { type: "checkbox", required: true });
  const state = h("div", { className: "share-state" });
  const button = h("button", { className: "primary" }, "Make the page");
  const close = h("button", { type: "button", className: "secondary", onclick: () => dialog.close() }, "Close");
  const form = h("form", { onsubmit: make },
    h("h2", { id: "share-title" }, `Share ${name} as a page`),
    h("p", {}, "A folder that any web host or a USB stick can serve: there the picture is played by the sound that its visitor brings. It holds no sound."),
    h("p", { className: "publishes" }, h("b", {}, `It publishes ${seconds(publishes.seconds)} of the film, ${publishes.width} × ${publishes.height} pixels. `), `Whoever opens it can see and keep these pictures: ${choices.consent}.`),
    h("label", { className: "check" }, agreed, "Everybody who is seen in it agrees."),
    h("div", { className: "field" }, h("label", { htmlFor: "credit" }, "Credit, which the page shows"), credit),
    state, h("div", { className: "row" }, button, close));
  const dialog = h("dialog", { className: "panel", "aria-labelledby": "share-title", onclose: () => { poll.stop(); dialog.remove(); } }, form);

  async function make(event) {
    event.preventDefault();
    button.disabled = true;
    const started = await trying(() => post("/api/jobs", { kind: "share", model: name, credit: credit.value, agreed: agreed.checked }));
    if (!started) button.disabled = false;
    await poll.now();
  }

  const poll = polling(async () => {
    const job = (await get("/api/jobs")).find((each) => each.kind === "share" && each.about.model === name);
    button.disabled = job?.state === "open";
    const text = JSON.stringify(job);
    if (text === state.dataset.before) return; // a link keeps its focus
    state.dataset.before = text ?? "";
    state.replaceChildren(...(job ? shown(job) : []));
  }, 700);

  document.body.append(dialog);
  dialog.showModal();
}

function shown(job) {
  if (job.state === "failed") return [h("p", { className: "failed", role: "status" }, job.error)];
  if (job.state === "done") {
    const words = `Download the page, ${bytes(job.bytes)}`;
    return [h("p", { role: "status" }, `It is ready, with the credit “${job.about.credit}”.`), h("a", { className: "button primary", href: `/api/jobs/${job.id}/result`, download: "" }, icon("download"), words)];
  }
  const bar = h("progress", { max: 1, "aria-label": "Progress of the page" });
  if (job.total) bar.value = job.done / job.total;
  return [h("p", { className: "soft", role: "status" }, job.before ? `Waiting: ${job.before} before it` : "It is being made …"), bar];
}
