// One live play: sound goes to the server in blocks, pictures come back with their instants and are shown in time.
//
// Times: a sample has its place in the sound that was sent; the audio clock counts samples; `performance.now()` counts
// milliseconds. `offset` ties the last two together: it is the earliest that a block of the last ten seconds reached this
// thread; not of all blocks, since the two clocks drift apart.

const BLOCK = 512; // samples: 11 ms at 48 kHz
const MARGIN = 0.12; // seconds that a sound from a file is held back beyond what the method needs
const TIED = 940; // blocks by which the clocks are tied together: ten seconds
const KEPT = 64; // pictures over which figures are taken
const WAITING = 24; // pictures that may wait to be shown: large ones take 4 MB each
const TOGETHER = 2; // pictures that come at once where the picture has a higher rate than what is heard
const TICK = 8; // milliseconds: half of what a screen shows a picture for
const LEAST_SIDE = 384; // pixels of the canvas
const HEAD = 20; // bytes before the JPEG: see live.py

export class Session {
  /** `wish`: model, seed, gain and controls; `tell` hears figures and the end. */
  constructor(canvas, wish, tell) {
    Object.assign(this, { canvas, wish, tell });
    this.pending = [];
    this.sent = [];
    this.shown = [];
    this.counts = { frames: 0, late: 0 };
    this.offsets = [];
    this.level = 0;
  }

  /** Begin with a microphone's stream, or with an audio element, whose sound is then heard with its picture. */
  async start(source) {
    this.context = new AudioContext({ latencyHint: "interactive" });
    await this.context.audioWorklet.addModule("/static/capture.js");
    this.hello = await this.connect();
    const { delays } = this.hello;
    this.method = delays.window + delays.look_ahead + delays.resampling + delays.control;
    this.capture = new AudioWorkletNode(this.context, "capture", { channelCount: 2, channelCountMode: "clamped-max", processorOptions: { size: BLOCK } });
    this.capture.port.onmessage = ({ data }) => this.send(data);
    this.capture.connect(this.context.destination); // silent: a node that leads nowhere may not be run
    this.synchronous = source instanceof HTMLMediaElement;
    if (this.synchronous) {
      this.held = this.method + MARGIN;
      const node = this.context.createMediaElementSource(source);
      node.connect(this.capture);
      node.connect(new DelayNode(this.context, { delayTime: this.held, maxDelayTime: this.held + 1 })).connect(this.context.destination);
    } else {
      this.context.createMediaStreamSource(source).connect(this.capture);
    }
    await this.context.resume();
    this.timer = setInterval(() => this.report(), 250);
    this.animation = requestAnimationFrame(() => this.show());
  }

  connect() {
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/live`);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    return new Promise((resolve, reject) => {
      socket.onopen = () => socket.send(JSON.stringify({ ...this.wish, rate: this.context.sampleRate, channels: 2 }));
      socket.onclose = ({ reason }) => {
        reject(new Error(reason || "The server ended the live play."));
        this.ended(reason);
      };
      socket.onmessage = ({ data }) => {
        if (typeof data !== "string") return void this.arrived(data);
        const message = JSON.parse(data);
        if (message.error) {
          reject(new Error(message.error));
          this.ended(message.error);
        } else if (message.width) resolve(message);
      };
    });
  }

  /** Other dials, from now on. */
  change({ gain, controls }) {
    Object.assign(this.wish, { gain, controls });
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ gain, controls }));
  }

  send({ first, samples }) {
    const now = performance.now();
    const rate = this.context.sampleRate;
    const length = samples.length / 2; // left and right
    this.origin ??= first;
    this.offsets.push(now - ((first + length) / rate) * 1000);
    if (this.offsets.length > TIED) this.offsets.shift();
    this.level = Math.max(0.9 * this.level, Math.hypot(...samples) / Math.sqrt(samples.length));
    if (this.socket.readyState !== WebSocket.OPEN) return;
    this.socket.send(samples);
    this.sent.push({ end: (first - this.origin + length) / rate, at: now });
    if (this.sent.length > 400) this.sent.splice(0, 200);
  }

  async arrived(data) {
    const arrived = performance.now();
    const head = new DataView(data);
    const [waited, drew, packed] = [8, 12, 16].map((place) => head.getFloat32(place, true));
    const bitmap = await createImageBitmap(new Blob([new Uint8Array(data, HEAD)], { type: "image/jpeg" }));
    if (this.pending.length >= WAITING) this.pending.shift().bitmap.close(); // nobody looks: the page is in the background
    this.pending.push({ instant: head.getFloat64(0, true), bitmap, arrived, server: { waited, drew, packed } });
  }

  /** The pictures that are due, the oldest first: those whose sound is heard by now; with a microphone those that come as
   * long after the last one as their instants do, or all where more are waiting than come together. */
  due() {
    this.pending.sort((a, b) => a.instant - b.instant);
    if (this.synchronous) return this.pending.filter(({ instant }) => instant <= this.heard());
    if (this.pending.length > TOGETHER) return [...this.pending];
    const wait = ({ instant }) => (instant - this.last.instant) * 1000 - (performance.now() - this.last.at);
    return this.pending.filter((picture) => !this.last || wait(picture) <= TICK);
  }

  /** The newest picture that is due; those before it are left out. */
  show() {
    const due = this.due();
    if (due.length) {
      this.pending = this.pending.filter((picture) => !due.includes(picture));
      const picture = due.at(-1);
      this.last = { instant: picture.instant, at: performance.now() };
      drawn(this.canvas, picture.bitmap, this.hello);
      due.forEach(({ bitmap }) => bitmap.close());
      this.counts.frames += 1;
      this.counts.late += due.length - 1;
      requestAnimationFrame(() => this.measure(picture)); // by then it is on the screen
    }
    this.animation = requestAnimationFrame(() => this.show());
  }

  /** The instant of the sound that leaves the loudspeaker now, in seconds. */
  heard() {
    return this.context.currentTime - (this.context.outputLatency || 0) - this.held - this.origin / this.context.sampleRate;
  }

  /** Where the milliseconds of a picture went, from its instant in the sound to the screen. */
  measure({ instant, arrived, server }) {
    const shown = performance.now();
    const offset = Math.min(...this.offsets);
    const clock = (second) => offset + (this.origin / this.context.sampleRate + second) * 1000;
    const complete = instant + this.method; // what the picture needed to hear
    const block = this.sent.find(({ end }) => end >= complete);
    if (!block) return;
    const computing = server.drew + server.packed;
    this.shown.push({
      at: shown,
      total: shown - clock(instant),
      gathering: block.at - clock(complete),
      waiting: server.waited,
      computing,
      travelling: arrived - block.at - server.waited - computing,
      showing: shown - arrived,
      apart: this.synchronous ? (instant - this.heard()) * -1000 : 0,
    });
    if (this.shown.length > KEPT) this.shown.shift();
  }

  report() {
    const recent = this.shown.filter(({ at }) => at > performance.now() - 2000);
    const middle = (name) => median(recent.map((each) => each[name]));
    const parts = Object.fromEntries(["total", "gathering", "waiting", "computing", "travelling", "showing", "apart"].map((name) => [name, middle(name)]));
    const span = recent.length > 1 ? (recent.at(-1).at - recent[0].at) / (recent.length - 1) : 0;
    this.tell({ ...this.counts, ...parts, fps: span ? 1000 / span : 0, level: this.level, delays: this.hello.delays, wanted: this.hello.fps, held: this.held });
  }

  ended(reason) {
    if (this.over) return;
    this.stop();
    this.tell({ over: true, reason });
  }

  /** The end; nothing is kept. */
  stop() {
    this.over = true;
    clearInterval(this.timer);
    cancelAnimationFrame(this.animation);
    this.socket?.close();
    if (this.context && this.context.state !== "closed") this.context.close();
    this.pending.forEach(({ bitmap }) => bitmap.close());
    this.pending = [];
  }
}

/** Put a picture on a canvas, enlarged smoothly: models draw few pixels, and browsers enlarge a small canvas coarsely. */
export function drawn(canvas, picture, { width, height }) {
  const scale = Math.ceil(LEAST_SIDE / Math.max(width, height));
  if (canvas.width !== width * scale || canvas.height !== height * scale) Object.assign(canvas, { width: width * scale, height: height * scale });
  const context = canvas.getContext("2d", { alpha: false });
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
}

function median(values) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  return sorted.length ? sorted[sorted.length >> 1] : NaN;
}
