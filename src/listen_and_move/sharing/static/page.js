// The page: what a visitor brings is heard, and the film is drawn. Nothing is sent anywhere: after loading there is no network.

const by = (id) => document.getElementById(id);
const FILES = { about: "about.json", keys: "keys.bin", video: "frames.vp9", pictures: "pictures.bin" };
const MARGIN = 0.06; // seconds that decoding and drawing may take
const IDLE = 3000; // milliseconds after which the controls go while it plays

const page = { about: null, arrays: null, memory: null, session: null, shown: 0, late: 0, film: false };

function say(text, wrong = false) {
  by("status").textContent = text;
  by("status").classList.toggle("wrong", wrong);
}

// Loading

class LocalFiles extends Error {}

async function fetched(name, from) {
  if (from) {
    const file = from.find((each) => each.name === name);
    if (!file) throw new Error(`${name} is not among the files that were chosen`);
    return file.arrayBuffer();
  }
  if (location.protocol === "file:") throw new LocalFiles();
  const answer = await fetch(name);
  if (!answer.ok) throw new Error(`${name} cannot be loaded (${answer.status})`);
  return answer.arrayBuffer();
}

function arraysOf(entries, bytes) {
  const kinds = { i4: Int32Array, f4: Float32Array };
  const of = ({ kind, offset, rows, columns }) => ({ data: new kinds[kind](bytes, offset, rows * columns), rows, columns });
  return Object.fromEntries(Object.entries(entries).map(([name, entry]) => [name, of(entry)]));
}

async function load(from = null) {
  by("choose").hidden = true;
  say("Loading …");
  page.about = JSON.parse(new TextDecoder().decode(await fetched(FILES.about, from)));
  page.film = await Film.supports(page.about.video);
  const [keys, frames] = await Promise.all([fetched(FILES.keys, from), fetched(page.film ? FILES.video : FILES.pictures, from)]);
  page.arrays = arraysOf(page.about.arrays, keys);
  page.memory = new (page.film ? Film : Pictures)(page.about, new Uint8Array(frames));
  page.memory.failed = () => say("The film cannot be decoded any further: load the page again.", true);
  const canvas = by("picture"), size = page.film ? page.about.video : page.about.pictures;
  [canvas.width, canvas.height] = [size.width, size.height];
  draw([{ place: 0, share: 1 }], [await page.memory.ready(0)]);
  for (const id of ["microphone", "file"]) by(id).disabled = false;
  by("microphone").disabled = !hears();
  say(hears() ? "Ready: press Microphone, or bring a sound file. One can be dropped here, too." : "Ready for a sound file. A microphone needs an address that begins with https.");
  document.body.dataset.state = "ready";
}

const hears = () => Boolean(navigator.mediaDevices?.getUserMedia);

// Drawing

function draw(shots, bitmaps) {
  const canvas = by("picture"), context = canvas.getContext("2d", { alpha: false });
  shots.forEach(({ share }, place) => {
    context.globalAlpha = share;
    context.drawImage(bitmaps[place], 0, 0, canvas.width, canvas.height);
  });
  context.globalAlpha = 1;
  canvas.dataset.frame = shots[shots.length - 1].place;
}

// Playing

// What is written of the audio thread: the text of the functions above, and a processor that posts cues.
function listener() {
  registerProcessor("ear", class extends AudioWorkletProcessor {
    constructor({ processorOptions: { about, arrays } }) {
      super();
      this.ear = new (hearing().Ear)(about, arrays, sampleRate);
    }

    process([input]) {
      const count = input[0]?.length ?? 128, mean = new Float32Array(count); // without a source there is silence
      for (const channel of input) for (let k = 0; k < count; k++) mean[k] += channel[k] / input.length;
      if (this.begun === undefined) this.port.postMessage({ begun: this.begun = currentFrame / sampleRate });
      for (const cue of this.ear.push(mean)) this.port.postMessage({ cue });
      return true;
    }
  });
}

class Session {
  constructor(context) {
    [this.context, this.path, this.known, this.begun] = [context, new (choosing().Path)(page.about, page.arrays), [], null];
    this.rate = page.about.rate[0] / page.about.rate[1];
    this.delay = page.about.latency + MARGIN;
    this.frame = requestAnimationFrame(() => this.show());
  }

  // Hears a node as it plays.
  async hear(source) {
    const node = (await this.inAudioThread()) ?? this.inPage();
    source.connect(node).connect(this.context.destination);
  }

  async inAudioThread() {
    if (!this.context.audioWorklet) return null; // the address does not begin with https
    const module = URL.createObjectURL(new Blob([`${signal}\n${hearing}\n${listener}\nlistener();`], { type: "text/javascript" }));
    try { await this.context.audioWorklet.addModule(module); } catch { return null; } finally { URL.revokeObjectURL(module); } // opened from a disk
    this.node = new AudioWorkletNode(this.context, "ear", { processorOptions: { about: page.about, arrays: page.arrays } });
    this.node.port.onmessage = ({ data }) => (data.cue ? this.heard(data.cue) : (this.begun = data.begun));
    return this.node;
  }

  // Where the audio thread runs no script of this page.
  inPage() {
    const ear = new (hearing().Ear)(page.about, page.arrays, this.context.sampleRate);
    this.tap = this.context.createScriptProcessor(1024, 1, 1);
    this.tap.onaudioprocess = ({ inputBuffer, playbackTime }) => {
      this.begun ??= playbackTime - inputBuffer.duration;
      ear.push(inputBuffer.getChannelData(0)).forEach((cue) => this.heard(cue));
    };
    return this.tap;
  }

  heard(cue) {
    by("level").dataset.on = String(!cue.nothing);
    for (const frame of this.path.push(cue)) {
      this.known.push(frame);
      for (const { place } of frame.shots) page.memory.want(place);
    }
  }

  // The newest picture that is due; where it is not decoded yet, the one before stays.
  show() {
    this.frame = requestAnimationFrame(() => this.show());
    const now = this.context.currentTime;
    let due = null;
    while (this.known.length && this.begun + this.known[0].number / this.rate + this.delay <= now) {
      if (due) page.late += 1;
      due = this.known.shift();
    }
    if (!due) return;
    const bitmaps = due.shots.map(({ place }) => page.memory.get(place));
    if (bitmaps.some((each) => !each)) {
      due.shots.forEach(({ place }) => page.memory.want(place));
      if (this.known.length) page.late += 1; else this.known.unshift(due);
      return;
    }
    draw(due.shots, bitmaps);
    page.shown += 1;
  }

  async end() {
    cancelAnimationFrame(this.frame);
    this.node?.port.close();
    this.tap?.disconnect();
    this.stream?.getTracks().forEach((track) => track.stop());
    await this.context.close();
  }
}

async function stop() {
  const session = page.session;
  page.session = null;
  document.body.dataset.state = "ready";
  by("stop").hidden = true;
  await session?.end();
}

async function play(what, begin) {
  await stop();
  const context = new AudioContext({ latencyHint: what === "microphone" ? "interactive" : "playback" });
  const session = new Session(context);
  page.session = session;
  try {
    await context.resume();
    await begin(session, context);
  } catch (error) {
    if (page.session === session) await stop(); else await session.end();
    throw error;
  }
  if (page.session !== session) return;
  document.body.dataset.state = "playing";
  by("stop").hidden = false;
  wake();
}

function microphone() {
  return play("microphone", async (session, context) => {
    const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    session.stream = await navigator.mediaDevices.getUserMedia({ audio: plain });
    await session.hear(context.createMediaStreamSource(session.stream));
    say("The microphone is heard. Nothing of it leaves this device.");
  });
}

function sound(file) {
  return play("file", async (session, context) => {
    say(`Reading ${file.name} …`);
    const buffer = await context.decodeAudioData(await file.arrayBuffer());
    const source = new AudioBufferSourceNode(context, { buffer }), later = new DelayNode(context, { maxDelayTime: 2, delayTime: session.delay });
    await session.hear(source);
    source.connect(later).connect(context.destination); // as late as its picture
    source.start();
    source.onended = () => setTimeout(() => page.session === session && stop().then(() => say(`${file.name} is over.`)), 1000 * (session.delay + 0.5));
    say(`Playing ${file.name}`);
  });
}

// What a visitor does

const WHY = {
  NotAllowedError: "The microphone was not allowed: allow it in the browser's settings for this page, or bring a sound file.",
  NotFoundError: "There is no microphone: plug one in, or bring a sound file.",
  EncodingError: "This file holds no sound that the browser can read: bring WAV, MP3, M4A, OGG or FLAC.",
};

function tried(work) {
  return work.catch((error) => {
    if (error instanceof LocalFiles) {
      say("Opened from a disk, a browser lets no page read the files beside it. Choose all files of this page's folder, and it plays.");
      by("choose").hidden = false;
    } else say(WHY[error.name] ?? `That did not work: ${error.message}`, true);
    document.body.dataset.failed = error.name;
  });
}

function wake() {
  document.body.classList.remove("idle");
  clearTimeout(page.idle);
  page.idle = setTimeout(() => document.body.classList.toggle("idle", document.body.dataset.state === "playing"), IDLE);
}

function fullScreen() {
  return document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen();
}

function begin() {
  by("microphone").onclick = () => tried(microphone());
  by("file").onclick = () => by("sound").click();
  by("sound").onchange = ({ target }) => { if (target.files[0]) tried(sound(target.files[0])); target.value = ""; };
  by("stop").onclick = () => tried(stop().then(() => say("Stopped.")));
  by("full").hidden = !document.fullscreenEnabled;
  by("full").onclick = () => tried(fullScreen());
  by("picture").ondblclick = () => document.fullscreenEnabled && tried(fullScreen());
  by("folder").onchange = ({ target }) => tried(load([...target.files]));
  for (const kind of ["pointermove", "pointerdown", "keydown", "focusin"]) addEventListener(kind, wake);
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    const files = [...event.dataTransfer.files];
    if (!files.length) return;
    if (!page.memory) tried(load(files)); else tried(sound(files[0]));
  });
  tried(load());
}

begin();
