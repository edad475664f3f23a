// The page: what a visitor brings is heard, and the film is drawn. Nothing is sent anywhere: after loading there is no network.

const by = (id) => document.getElementById(id);
const FILES = { about: "about.json", keys: "keys.bin", video: "frames.vp9", pictures: "pictures.bin" };
const MARGIN = 0.06; // seconds that decoding and drawing may take
const SOUNDING = 1000; // milliseconds after which a page that does not sound yet says so
const IDLE = 3000; // milliseconds after which the controls go while it plays

const page = { about: null, arrays: null, memory: null, loading: null, session: null, shown: 0, late: 0, film: false };

// What is wrong is seen until it is over.
function say(text, wrong = false) {
  by("status").textContent = text;
  by("status").classList.toggle("wrong", wrong);
  wake();
}

// An error whose message is a sentence for the visitor.
class Told extends Error {}

// What work gives; its errors by their names in words.
async function worded(words, work) {
  try { return await work; } catch (error) {
    throw words[error.name] ? Object.assign(new Told(words[error.name]), { name: error.name }) : error;
  }
}

// Loading

class LocalFiles extends Error {}

const fromDisk = () => !location.protocol.startsWith("http"); // file, and content on Android

async function fetched(name, from) {
  if (from) {
    const file = from.find((each) => each.name === name);
    if (!file) throw new Told(`${name} is not among them: choose all files of this page's folder, not the folder itself.`);
    return worded(NO_FILE, file.arrayBuffer());
  }
  if (fromDisk()) throw new LocalFiles();
  const gone = `${name} cannot be loaded, since its address does not answer: load the page again.`;
  const answer = await worded({ TypeError: gone }, fetch(name, { cache: "no-cache" })); // none of an older page
  if (!answer.ok) throw new Told(`${name} cannot be loaded (${answer.status}): the host needs all files of this page's folder.`);
  return worded({ TypeError: gone }, answer.arrayBuffer());
}

// Refuses a file that was copied in part, or is of another page.
function checked(name, bytes, size) {
  if (bytes.byteLength === size) return bytes;
  throw new Told(`${name} has ${bytes.byteLength} bytes, and should have ${size}: copy all files of this page's folder again.`);
}

function read(bytes) {
  try { return JSON.parse(new TextDecoder().decode(bytes)); } catch { throw new Told(`${FILES.about} is not whole: copy all files of this page's folder again.`); }
}

function arraysOf(entries, bytes) {
  const kinds = { i4: Int32Array, f4: Float32Array }, ends = Object.values(entries).map(({ offset, rows, columns }) => offset + 4 * rows * columns);
  checked(FILES.keys, bytes, Math.max(...ends));
  const of = ({ kind, offset, rows, columns }) => ({ data: new kinds[kind](bytes, offset, rows * columns), rows, columns });
  return Object.fromEntries(Object.entries(entries).map(([name, entry]) => [name, of(entry)]));
}

async function load(from = null) {
  by("choose").hidden = true;
  say("Loading …");
  page.about = read(await fetched(FILES.about, from));
  const [keys, { memory, first }] = await Promise.all([fetched(FILES.keys, from), opened(await Film.supports(page.about.video), from)]);
  page.arrays = arraysOf(page.about.arrays, keys);
  page.memory?.close();
  [page.memory, page.film] = [memory, memory instanceof Film];
  page.memory.failed = () => say("The film cannot be decoded any further: load the page again.", true);
  const canvas = by("picture"), size = page.film ? page.about.video : page.about.pictures;
  [canvas.width, canvas.height] = [size.width, size.height];
  draw([{ place: 0, share: 1 }], [first]);
  for (const id of ["microphone", "file"]) by(id).disabled = false;
  by("microphone").disabled = !hears();
  say(hears() ? "Ready: press Microphone, or bring a sound file. One can be dropped here, too." : "Ready for a sound file. A microphone needs an address that begins with https.");
  document.body.dataset.state = "ready";
}

// The frames and the first of them; pictures, where the browser cannot decode the film although it says so.
async function opened(film, from) {
  const [name, { sizes }] = film ? [FILES.video, page.about.video] : [FILES.pictures, page.about.pictures];
  const bytes = new Uint8Array(checked(name, await fetched(name, from), sizes.reduce((sum, each) => sum + each, 0)));
  let memory = null;
  try {
    memory = new (film ? Film : Pictures)(page.about, bytes);
    return { memory, first: await memory.ready(0) };
  } catch (error) {
    memory?.close();
    if (film) return opened(false, from);
    throw error;
  }
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

  // Hears a node as it plays, unless the session is over.
  async hear(source) {
    if (page.session !== this) return;
    const node = (await this.inAudioThread()) ?? this.inPage();
    source.connect(node).connect(this.context.destination);
  }

  async inAudioThread() {
    if (!this.context.audioWorklet) return null; // the address does not begin with https
    const module = URL.createObjectURL(new Blob([`${signal}\n${hearing}\n${listener}\nlistener();`], { type: "text/javascript" }));
    try { await this.context.audioWorklet.addModule(module); } catch { return null; } finally { URL.revokeObjectURL(module); } // opened from a disk
    this.node = new AudioWorkletNode(this.context, "ear", { processorOptions: { about: page.about, arrays: page.arrays } });
    this.node.onprocessorerror = () => this.lost("Listening has failed: start it again.");
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
    const found = this.path.push(cue);
    const passed = this.known.splice(0, this.due() - 1); // nothing is shown of a page that is hidden
    page.late += passed.length;
    this.known.push(...found);
    if (!document.hidden) for (const { shots } of found) for (const { place } of shots) page.memory.want(place);
  }

  // How many of the known frames are due.
  due() {
    const now = this.context.currentTime, until = this.known.findIndex(({ number }) => this.begun + number / this.rate + this.delay > now);
    return until < 0 ? this.known.length : until;
  }

  // The newest picture that is due; where it is not decoded yet, the one before stays.
  show() {
    this.frame = requestAnimationFrame(() => this.show());
    const passed = this.known.splice(0, this.due()), due = passed.pop();
    page.late += passed.length;
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

  // The screen stays on.
  async stayAwake() {
    try { this.lock = await navigator.wakeLock?.request("screen"); } catch { return; } // little battery, or a hidden page
    if (page.session !== this) await this.lock?.release();
  }

  // A browser leaves the promise open as long as the page may not sound.
  async sounding() {
    const late = setTimeout(() => page.session === this && say(SILENT, true), SOUNDING);
    try { await this.context.resume(); } finally { clearTimeout(late); }
  }

  // A call or another program may take the sound away.
  watch(told) {
    this.context.onstatechange = () => {
      if (page.session === this && this.context.state !== "running") tried(this.sounding().then(() => page.session === this && say(told)));
    };
  }

  lost(why) {
    if (page.session === this) tried(stop().then(() => say(why, true)));
  }

  // May be called again, where something was given to a session that is over.
  async end() {
    cancelAnimationFrame(this.frame);
    this.lock?.release();
    this.node?.port.close();
    this.tap?.disconnect();
    this.stream?.getTracks().forEach((track) => track.stop());
    await (this.closed ??= this.context.close());
  }
}

async function stop() {
  const session = page.session;
  page.session = null;
  document.body.dataset.state = "ready";
  if (document.activeElement === by("stop")) by(hears() ? "microphone" : "file").focus();
  by("stop").hidden = true;
  await session?.end();
}

// `begin` returns what is said when it plays.
async function play(what, begin) {
  const before = stop();
  const context = new AudioContext({ latencyHint: what === "microphone" ? "interactive" : "playback" });
  const session = new Session(context);
  page.session = session;
  by("stop").hidden = false; // what a visitor is asked for may stay open
  let told;
  try {
    await before;
    await session.sounding();
    if (page.session === session) told = await begin(session, context);
  } catch (error) {
    if (page.session === session) { await stop(); throw error; }
  }
  if (page.session !== session) return session.end(); // stopped while something was asked for
  session.watch(told);
  session.stayAwake();
  document.body.dataset.state = "playing";
  say(told);
}

function microphone() {
  return play("microphone", async (session, context) => {
    const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    say("Waiting for the microphone: the browser asks whether this page may hear it.");
    session.stream = await worded(NO_MICROPHONE, navigator.mediaDevices.getUserMedia({ audio: plain }));
    for (const track of session.stream.getTracks()) track.onended = () => session.lost("The microphone is gone: plug it in, and start it again.");
    await session.hear(context.createMediaStreamSource(session.stream));
    return "The microphone is heard. Nothing of it leaves this device.";
  });
}

function sound(file) {
  return play("file", async (session, context) => {
    say(`Reading ${file.name} …`);
    const buffer = await worded(NO_FILE, file.arrayBuffer().then((bytes) => context.decodeAudioData(bytes)));
    const source = new AudioBufferSourceNode(context, { buffer }), later = new DelayNode(context, { maxDelayTime: 2, delayTime: session.delay });
    await session.hear(source);
    source.connect(later).connect(context.destination); // as late as its picture
    source.start();
    source.onended = () => setTimeout(() => page.session === session && stop().then(() => say(`${file.name} is over.`)), 1000 * (session.delay + 0.5));
    return `Playing ${file.name}`;
  });
}

// What a visitor does

const SILENT = "The browser does not let this page sound yet: press the button once more.";
const NO_MICROPHONE = {
  NotAllowedError: "The microphone was not allowed: allow it in the browser's settings for this page, or bring a sound file.",
  NotFoundError: "There is no microphone: plug one in, or bring a sound file.",
  NotReadableError: "The microphone cannot be opened: another program may have it. Close that, or bring a sound file.",
};
const UNREAD = "This file cannot be read: it was moved or changed, or is a folder. Bring the file itself again.";
const NO_FILE = {
  EncodingError: "This file holds no sound that the browser can read: bring WAV, MP3, M4A, OGG or FLAC.",
  NotFoundError: UNREAD,
  NotReadableError: UNREAD,
};

function tried(work) {
  return work.catch((error) => {
    if (error instanceof LocalFiles) {
      say("Opened from a disk, a browser lets no page read the files beside it. Choose all files of this page's folder, and it plays.");
    } else say(error instanceof Told ? error.message : `That did not work: ${error.message}`, true);
    by("choose").hidden = Boolean(page.memory) || !fromDisk();
    document.body.dataset.failed = error.name;
  });
}

function wake() {
  document.body.classList.remove("idle");
  clearTimeout(page.idle);
  const idle = () => document.body.dataset.state === "playing" && !by("status").classList.contains("wrong");
  page.idle = setTimeout(() => document.body.classList.toggle("idle", idle()), IDLE);
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
  document.onfullscreenchange = () => (by("full").textContent = document.fullscreenElement ? "Leave full screen" : "Full screen");
  by("folder").onchange = ({ target }) => { loading([...target.files]); target.value = ""; };
  for (const kind of ["click", "keydown", "focusin"]) addEventListener(kind, wake);
  addEventListener("pointermove", ({ pointerType }) => pointerType === "touch" || wake()); // a tap that wakes presses no button
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    const files = [...event.dataTransfer.files];
    if (!files.length) return;
    if (fromDisk() && !page.memory) loading(files); else tried(page.loading.then(() => sound(files[0])));
  });
  addEventListener("visibilitychange", () => document.hidden || page.session?.stayAwake()); // a hidden page loses it
  loading();
}

const loading = (from) => tried(page.loading = load(from));

begin();
