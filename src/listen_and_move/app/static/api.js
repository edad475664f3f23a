// Requests to the server, and how the page says what went wrong.

import { h } from "./dom.js";

const SECONDS_SHOWN = 12;

async function asked(path, options = {}) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("The server does not answer: is it still running?");
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error ?? `The server answered ${response.status}.`);
  return answer;
}

export const get = (path) => asked(path);
export const post = (path, values = {}) => asked(path, { method: "POST", body: JSON.stringify(values) });
export const remove = (path) => asked(path, { method: "DELETE" });

/** Send a file; `progress` hears the share that has gone. */
export function upload(kind, file, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/api/uploads/${kind}`);
    request.setRequestHeader("x-name", encodeURIComponent(file.name));
    request.upload.onprogress = (event) => progress(event.total ? event.loaded / event.total : 0);
    request.onload = () => {
      let answer = {};
      try {
        answer = JSON.parse(request.responseText);
      } catch {
        // Not from our server: the status says enough.
      }
      if (request.status === 200) resolve(answer);
      else reject(new Error(answer.error ?? `The server answered ${request.status}.`));
    };
    request.onerror = () => reject(new Error(`${file.name}: it could not be sent; is the server still running, and the file below the limit?`));
    request.send(file);
  });
}

/** Say something in the corner; errors stay until they are dismissed. */
export function notice(text, kind = "info") {
  const dismiss = h("button", { type: "button", className: "quiet", "aria-label": "Dismiss", onclick: () => box.remove() }, "×");
  const box = h("div", { className: `notice ${kind}` }, h("p", {}, text), dismiss);
  const place = document.getElementById("notices");
  place.replaceChildren(...[...place.children].slice(-2), box);
  if (kind === "info") setTimeout(() => box.remove(), SECONDS_SHOWN * 1000);
}

/** Do something that may fail; then say why. */
export async function trying(action) {
  try {
    return await action();
  } catch (error) {
    notice(error.message, "error");
    return undefined;
  }
}

/**
 * Ask again and again until the view goes, one question after the other; failures are silent but for the first.
 * `now` asks once more and waits for the answer: a question that waited for it would wait for itself.
 */
export function polling(ask, milliseconds = 1000) {
  let gone = false;
  let failed = false;
  let timer;
  let last = Promise.resolve();
  const once = async () => {
    if (gone) return;
    clearTimeout(timer);
    try {
      await ask();
      failed = false;
    } catch (error) {
      if (!failed && !gone) notice(error.message, "error");
      failed = true;
    }
    if (!gone) timer = setTimeout(again, milliseconds);
  };
  const again = () => (last = last.then(once));
  again();
  return { now: again, stop: () => { gone = true; clearTimeout(timer); } };
}
