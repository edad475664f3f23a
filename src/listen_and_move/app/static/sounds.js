// Sounds that this visitor has brought, one of them chosen.

import { h, icon, recall, remember, seconds } from "./dom.js";
import { get, post, trying } from "./api.js";
import { dropzone } from "./drop.js";
import { recorder } from "./record.js";

/** A list to choose from, and the ways of bringing one more; `changed` hears the id of the one that is chosen, or null. */
export function soundPicker(changed) {
  const list = h("div", { className: "sounds" });
  const bring = dropzone("sound", "Drop a sound, or a video for its sound", "audio/*,video/*", (upload) => { chosen = upload.id; refresh(); });
  const record = recorder(bring.send);
  const melody = h("button", { type: "button", className: "secondary", onclick: () => trying(async () => {
    melody.disabled = true;
    chosen = (await post("/api/melody").finally(() => { melody.disabled = false; })).id;
    await refresh();
  }) }, icon("note"), "Take a melody");
  let chosen = recall("sound", null);

  function choose(id) {
    chosen = id;
    remember("sound", id);
    changed(id);
  }

  async function refresh() {
    const uploads = (await trying(() => get("/api/uploads")) ?? []).filter((upload) => upload.kind === "sound");
    if (!uploads.some((upload) => upload.id === chosen)) chosen = uploads[0]?.id ?? null;
    choose(chosen);
    list.replaceChildren(...uploads.map((upload) => h("label", { className: "sound" },
      h("input", { type: "radio", name: "sound", checked: upload.id === chosen, onchange: () => choose(upload.id) }),
      h("span", { className: "name" }, upload.name), h("small", {}, seconds(upload.seconds)))));
  }

  refresh();
  return { element: h("div", {}, bring.element, h("div", { className: "row" }, record.element, melody), list), stop: record.stop, get chosen() { return chosen; } };
}
