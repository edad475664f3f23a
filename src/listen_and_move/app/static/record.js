// Recording a sound with the microphone, to be sent like a file.

import { h, icon, seconds } from "./dom.js";
import { notice } from "./api.js";

/** The microphone as it is: calls want their echo cancelled and their level evened, a picture does not. */
export async function microphone() {
  if (!navigator.mediaDevices) {
    throw new Error("The browser gives the microphone only to a page on this machine or over https: open it on localhost.");
  }
  try {
    return await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false } });
  } catch (error) {
    throw new Error(error.name === "NotFoundError" ? "There is no microphone here." : "The browser was not allowed to use the microphone.");
  }
}

/** A button that records; `done` hears the file. */
export function recorder(done) {
  const words = h("span", {}, "Record");
  const button = h("button", { type: "button", className: "secondary", onclick: () => (running ? running.stop() : begin()) }, icon("record"), words);
  let running = null;

  async function begin() {
    let stream;
    try {
      stream = await microphone();
    } catch (error) {
      notice(error.message, "error");
      return;
    }
    const pieces = [];
    const started = performance.now();
    const clock = setInterval(() => { words.textContent = `Stop · ${seconds((performance.now() - started) / 1000)}`; }, 100);
    running = new MediaRecorder(stream);
    running.ondataavailable = (event) => pieces.push(event.data);
    running.onstop = () => {
      clearInterval(clock);
      stream.getTracks().forEach((track) => track.stop());
      const [type] = running.mimeType.split(";");
      const name = `recording ${new Date().toTimeString().slice(0, 5).replace(":", ".")}.${type.split("/")[1]}`;
      running = null;
      words.textContent = "Record";
      button.classList.remove("recording");
      done(new File(pieces, name, { type }));
    };
    running.start();
    button.classList.add("recording");
  }

  return { element: button, stop: () => running?.stop() };
}
