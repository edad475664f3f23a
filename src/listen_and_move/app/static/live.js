// Live: a model follows the microphone, or a sound that plays in the page.

import { h, icon, recall, remember } from "./dom.js";
import { notice } from "./api.js";
import { dialBoard } from "./dials.js";
import { fullScreenButton } from "./fullscreen.js";
import { modelPicker } from "./models.js";
import { lookAheadChooser } from "./look_ahead.js";
import { pictureChooser } from "./pictures.js";
import { microphone } from "./record.js";
import { Session, drawn } from "./session.js";
import { soundPicker } from "./sounds.js";

const PARTS = [
  ["window", "hearing", "what the method hears of each frame"],
  ["look_ahead", "look-ahead", "sound that is waited for beyond that"],
  ["gathering", "gathering", "samples into blocks, and to the network's rate"],
  ["computing", "drawing", "waiting, drawing and packing"],
  ["travelling", "travelling", "to the server and back"],
  ["showing", "showing", "unpacking, and the screen's own time"],
];

export function show(place) {
  let session = null;
  let later = null; // what is offered when the play has ended
  const picker = modelPicker((entry, better) => {
    later = session && better ? entry : null;
    if (later) return;
    if (session) end();
    offer(entry);
  });
  const shown = pictureChooser(() => { if (session) end(); board.withhold(shown.lacks); });
  const waited = lookAheadChooser(() => { if (session) end(); });
  const source = sourcePicker(() => { if (session) end(); });
  const board = dialBoard("live", () => session?.change(board.chosen()));
  const canvas = h("canvas", { className: "picture", "aria-label": "The picture that follows the sound", role: "img" });
  const words = h("span", {}, "Start");
  const button = h("button", { type: "button", className: "primary large", onclick: () => (session ? end() : begin()) }, icon("play"), words);
  const figures = figureBar();
  const stage = h("section", { className: "stage", "aria-label": "Live picture" });
  const screen = h("div", { className: "screen" }, canvas, h("p", { className: "idle" }, "The picture comes when the sound does."));
  stage.append(screen, h("div", { className: "transport" }, button, source.player, figures.level, fullScreenButton(screen)), figures.element);

  const wish = () => ({ ...picker.wish, seed: 0, picture: shown.chosen, look_ahead: waited.chosen, ...board.chosen() });

  function offer(entry) {
    shown.offer(entry);
    waited.offer(entry);
    board.withhold(shown.lacks);
    rest(entry);
  }

  /** The picture before there is a sound. */
  function rest(entry) {
    const still = h("img", { src: entry.still });
    still.onload = () => { if (!session) drawn(canvas, still, shaped(still.naturalWidth, still.naturalHeight)); };
  }

  /** The canvas in the shape of a picture. */
  function shaped(width, height) {
    canvas.style.aspectRatio = `${width} / ${height}`;
    return { width, height };
  }

  async function begin() {
    button.disabled = true;
    let stream = null;
    try {
      const asked = wish();
      if (source.way() === "microphone") stream = await microphone();
      else source.check();
      session = new Session(canvas, asked, heard);
      session.stream = stream;
      await session.start(stream ?? source.fresh());
      shaped(session.hello.width, session.hello.height);
      waited.tell(session.hello.left);
      if (!stream) await source.player.play();
      stage.classList.add("playing");
      words.textContent = "Stop";
      button.firstChild.replaceWith(icon("stop"));
    } catch (error) {
      stream?.getTracks().forEach((track) => track.stop());
      if (session && !session.over) session.stop();
      session = null;
      notice(error.message, "error");
    }
    button.disabled = false;
  }

  function heard(news) {
    if (!news.over) return figures.update(news, stage);
    if (news.reason) notice(news.reason, "error");
    if (session?.hello) end();
  }

  function end() {
    session.stop();
    session.stream?.getTracks().forEach((track) => track.stop());
    source.player.pause();
    session = null;
    if (later) offer(later);
    later = null;
    stage.classList.remove("playing");
    words.textContent = "Start";
    button.firstChild.replaceWith(icon("play"));
  }

  place.append(
    h("div", { className: "intro" }, h("h1", {}, "Live"), h("p", {}, "The picture follows what is heard now.")),
    h("div", { className: "columns live" }, stage,
      h("div", { className: "panel" },
        h("fieldset", {}, h("legend", {}, "Picture"), picker.element, shown.element, waited.element),
        h("fieldset", {}, h("legend", {}, "Sound"), source.element),
        h("fieldset", {}, h("legend", {}, "How it is played"), board.element))));
  return () => { if (session) end(); picker.stop(); source.stop(); };
}

/** Microphone or a sound that plays here. */
function sourcePicker(changed) {
  let way = recall("live-source", "microphone");
  let chosen = null;
  const sounds = soundPicker((id) => { chosen = id; changed(); load(); });
  const holder = h("div", { className: "player" });
  let audio = null;

  function load() {
    audio = h("audio", { controls: true, loop: true, src: chosen ? `/api/uploads/${chosen}/file` : null, "aria-label": "The sound" });
    holder.replaceChildren(audio);
    holder.hidden = way !== "file" || !chosen;
  }

  function choose(value) {
    way = value;
    remember("live-source", value);
    sounds.element.hidden = way !== "file";
    load();
    changed();
  }

  const option = (value, text) => h("label", { className: "segment" }, h("input", { type: "radio", name: "source", value, checked: value === way, onchange: () => choose(value) }), h("span", {}, text));
  const element = h("div", {}, h("div", { className: "segments" }, option("microphone", "Microphone"), option("file", "A sound file")), sounds.element);
  choose(way);
  return {
    element,
    player: Object.assign(holder, { play: () => audio.play(), pause: () => audio?.pause() }),
    way: () => way,
    check: () => { if (!chosen) throw new Error("Bring a sound first: drop a file, or record one."); },
    fresh: () => { load(); return audio; }, // an element can be led into an audio graph only once
    stop: sounds.stop,
  };
}

/** Frames per second, latency, and where its milliseconds go. */
function figureBar() {
  const level = h("meter", { min: 0, max: 1, low: 0.05, "aria-label": "Level of the sound" });
  const [rate, delay, left] = [figure("frames per second"), figure("ms from sound to picture"), figure("pictures left out")];
  const bar = h("div", { className: "parts", "aria-hidden": "true" });
  const list = h("ul", { className: "legend" });
  const sync = h("p", { className: "soft" });
  const rows = PARTS.map(([name, label, hint]) => {
    const piece = h("span", { className: `part ${name}` });
    const value = h("b", {}, "–");
    bar.append(piece);
    list.append(h("li", { className: name, title: hint }, `${label} `, value));
    return { name, piece, value };
  });
  const element = h("div", { className: "figures" }, h("div", { className: "numbers" }, delay.element, rate.element, left.element), bar, list, sync);

  function update(news, stage) {
    const { delays } = news;
    const parts = { window: delays.window * 1000, look_ahead: delays.look_ahead * 1000, gathering: news.gathering + delays.resampling * 1000, computing: news.waiting + news.computing, travelling: news.travelling, showing: news.showing };
    level.value = Math.min(1, Math.sqrt(news.level) * 1.4);
    rate.set(news.fps ? news.fps.toFixed(1) : "–");
    delay.set(Number.isFinite(news.total) ? Math.round(news.total) : "–");
    left.set(news.late);
    for (const { name, piece, value } of rows) {
      piece.style.flexGrow = Number.isFinite(parts[name]) ? Math.max(0, parts[name]) : 0;
      value.textContent = Number.isFinite(parts[name]) ? `${Math.round(parts[name])} ms` : "–";
    }
    sync.textContent = news.held ? `The sound is held back by ${Math.round(news.held * 1000)} ms, so that it meets its picture; they are ${Math.round(Math.abs(news.apart || 0))} ms apart.` : "";
    Object.assign(stage.dataset, { frames: news.frames, late: news.late, fps: news.fps, latency: news.total, apart: news.apart, ...parts });
  }

  return { element, level, update };
}

function figure(label) {
  const value = h("b", {}, "–");
  return { element: h("p", { className: "figure" }, value, h("span", {}, label)), set: (text) => { value.textContent = text; } };
}
