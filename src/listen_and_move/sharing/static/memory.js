// Memory: frames of the film in any order, decoded shortly before they are shown. Packets in groups that begin with a complete frame,
// where the browser has WebCodecs, else small pictures. Both answer alike: `want` says what will be shown, `get` gives it where it is
// ready, and `ready` waits for it.

const KEPT_BYTES = 200e6; // of decoded frames: two groups and a dissolve of the largest film that is written
const AHEAD = 2; // frames before the end of a group, at which the next one is decoded
const GIVEN_UP = 3; // groups or pictures in a row that cannot be decoded

class FrameStore {
  constructor(sizes, bytes, { width, height }) {
    this.bytes = bytes;
    this.edges = [0];
    for (const size of sizes) this.edges.push(this.edges[this.edges.length - 1] + size);
    this.most = Math.floor(KEPT_BYTES / (4 * width * height));
    this.kept = new Map(); // bitmaps by place, those that were used last at the end
    this.told = new Map(); // promises of those that are on their way
    [this.failed, this.failures] = [() => {}, 0];
  }

  // Several failures in a row are told.
  count(well) {
    this.failures = well ? 0 : this.failures + 1;
    if (this.failures === GIVEN_UP) this.failed();
  }

  packet(place) { return this.bytes.subarray(this.edges[place], this.edges[place + 1]); }

  get(place) {
    const found = this.kept.get(place);
    if (found) { this.kept.delete(place); this.kept.set(place, found); }
    return found;
  }

  keep(place, bitmap) {
    this.kept.get(place)?.close();
    this.kept.set(place, bitmap);
    for (const [oldest, other] of this.kept) {
      if (this.kept.size <= this.most) break;
      this.kept.delete(oldest);
      other.close();
    }
  }

  async ready(place) {
    for (let tries = 0; !this.kept.has(place); tries++) {
      if (tries === 2) throw new Error("a frame of the film cannot be decoded");
      await this.want(place);
    }
    return this.get(place);
  }
}

class Pictures extends FrameStore {
  constructor(about, bytes) {
    super(about.pictures.sizes, bytes, about.pictures);
    this.type = about.pictures.type;
  }

  want(place) {
    if (this.kept.has(place) || this.told.has(place)) return this.told.get(place);
    const made = createImageBitmap(new Blob([this.packet(place)], { type: this.type }))
      .then((bitmap) => { this.keep(place, bitmap); this.count(true); }, () => this.count(false)).finally(() => this.told.delete(place));
    this.told.set(place, made);
    return made;
  }

  close() {}
}

class Film extends FrameStore {
  static async supports({ codec, width, height }) {
    if (typeof VideoDecoder === "undefined") return false;
    try {
      return (await VideoDecoder.isConfigSupported({ codec, codedWidth: width, codedHeight: height })).supported === true;
    } catch { return false; }
  }

  constructor(about, bytes) {
    super(about.video.sizes, bytes, about.video);
    this.about = about.video;
    this.queue = []; // groups that are wanted: {group, from, done}
    this.open();
  }

  open() {
    this.decoder = new VideoDecoder({
      output: (frame) => this.decoded(frame),
      error: () => {}, // flush tells; a decoder that the browser took away is opened again
    });
    const { codec, width, height } = this.about;
    this.decoder.configure({ codec, codedWidth: width, codedHeight: height, optimizeForLatency: true });
    this.made = []; // bitmaps of the current group, as promises
  }

  // A frame that is wanted brings those after it in its group, and where the group ends soon, the next group.
  want(place) {
    const { group: size } = this.about, group = Math.floor(place / size), made = this.wanted(group, place);
    const next = (group + 1) * size;
    if (next - place <= AHEAD && next < this.about.sizes.length) this.wanted(group + 1, next);
    return made;
  }

  wanted(group, from) {
    if (this.kept.has(from)) return undefined;
    const waiting = this.told.get(group);
    if (waiting && waiting.from <= from) return waiting.done;
    const entry = { group, from };
    entry.done = new Promise((tell) => { entry.tell = tell; });
    this.told.set(group, entry);
    this.queue.push(entry);
    if (!this.busy) this.busy = this.run();
    return entry.done;
  }

  async run() {
    while (this.queue.length) {
      const entry = this.queue.shift();
      this.current = entry;
      try { await this.decode(entry); this.count(true); } catch { this.count(false); }
      if (this.told.get(entry.group) === entry) this.told.delete(entry.group);
      entry.tell();
    }
    this.busy = null;
  }

  async decode({ group }) {
    const first = group * this.about.group, last = Math.min(first + this.about.group, this.about.sizes.length);
    if (this.decoder.state !== "configured") this.open();
    for (let place = first; place < last; place++) {
      const type = place === first ? "key" : "delta";
      this.decoder.decode(new EncodedVideoChunk({ type, timestamp: place * 1000, data: this.packet(place) }));
    }
    await this.decoder.flush();
    await Promise.all(this.made.splice(0));
  }

  decoded(frame) {
    const place = Math.round(frame.timestamp / 1000);
    if (place < this.current.from || this.kept.has(place)) { frame.close(); return; }
    // A decoder in hardware has few pictures of its own, so that none is held.
    this.made.push(createImageBitmap(frame).then((bitmap) => this.keep(place, bitmap)).finally(() => frame.close()));
  }

  close() { if (this.decoder.state !== "closed") this.decoder.close(); }
}
