// Bringing a file: drop it, or choose it; a bar while it travels.

import { bytes, h, icon } from "./dom.js";
import { notice, upload } from "./api.js";

/** A place to drop a file of a kind ("sound" or "video"); `taken` hears what the server found in it. */
export function dropzone(kind, words, accept, taken) {
  const bar = h("progress", { max: 1, value: 0, "aria-label": "Sending the file" });
  const state = h("p", { className: "soft" });
  const travelling = h("div", { className: "sending", hidden: true }, state, bar);
  const input = h("input", { type: "file", accept, id: `file-${kind}`, onchange: () => { send(input.files[0]); input.value = ""; } });
  const label = h("label", { className: "drop", htmlFor: input.id }, icon("upload"), h("span", {}, h("b", {}, words), h("small", {}, "or choose a file")));
  const element = h("div", { className: "bring" }, input, label, travelling);

  async function send(file) {
    if (!file) return;
    state.textContent = `${file.name} · ${bytes(file.size)}`;
    travelling.hidden = false;
    element.setAttribute("aria-busy", "true");
    try {
      taken(await upload(kind, file, (share) => {
        bar.value = share;
        if (share === 1) state.textContent = `Looking into ${file.name} …`;
      }));
    } catch (error) {
      notice(error.message, "error");
    }
    element.removeAttribute("aria-busy");
    travelling.hidden = true;
  }

  for (const type of ["dragover", "dragleave", "drop"]) {
    label.addEventListener(type, (event) => {
      event.preventDefault();
      label.classList.toggle("over", type === "dragover");
      if (type === "drop") send(event.dataTransfer.files[0]);
    });
  }
  return { element, send };
}
