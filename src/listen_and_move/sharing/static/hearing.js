// Hearing: from samples as they come to the cues of a path, as the modules `audio.features`, `audio.matching`, `audio.room` and
// `inference.front_end` of the Python package have it. One function, whose text is run in the audio thread as well, after `signal`.
// `arrays` holds what was learnt of the training sound: {data, rows, columns} by name.

function hearing() {
  "use strict";
  const { BandPower, Leveller, Resampler, Spectrum, Tape, clamp, decibels, exactNearest } = signal();
  const row = ({ data, columns }, place) => data.subarray(place * columns, (place + 1) * columns);
  const mean = (values) => values.reduce((sum, each) => sum + each, 0) / values.length;
  const distance = (a, b) => {
    let sum = 0;
    for (let k = 0; k < b.length; k++) sum += (a[k] - b[k]) ** 2;
    return Math.sqrt(sum);
  };

  // A row without the zeros around it.
  const sparse = (values) => {
    const first = values.findIndex((each) => each), last = values.findLastIndex((each) => each);
    return { first, weights: values.subarray(first, last + 1) };
  };

  // What is said of a chunk, from the power of its bands in each of its columns.
  const KINDS = {
    lms(power, about) {
      const { level, most } = inDecibels(power, about);
      return columnMeans(level.map((bands) => bands.map((each) => Math.max(each - most, -about.kinds.RANGE_DB))));
    },
    mel: (power) => columnMeans(power),
    mfcc(power, about, arrays) {
      const { level, most } = inDecibels(power, about);
      const bands = columnMeans(level.map((each) => each.map((one) => Math.max(one, most - about.kinds.RANGE_DB))));
      return Float64Array.from({ length: arrays.cosines.rows }, (_, k) => row(arrays.cosines, k).reduce((sum, each, band) => sum + each * bands[band], 0));
    },
    level: (power, about) => columnMeans(aboveFloor(power, about)),
    shape(power, about) {
      const level = aboveFloor(power, about), bands = columnMeans(level), half = Math.floor(level.length / 2);
      const [before, after] = [columnMeans(level.slice(0, half)), columnMeans(level.slice(-half))], loud = mean(bands);
      const flux = mean(after.map((each, band) => Math.max(each - before[band], 0)));
      return Float64Array.from([...bands.map((each) => each - loud), loud, flux]);
    },
  };
  const columnMeans = (columns) => columns[0].map((_, band) => columns.reduce((sum, each) => sum + each[band], 0) / columns.length);
  const inDecibels = (power, { kinds }) => {
    const level = power.map((bands) => bands.map((each) => 10 * Math.log10(Math.max(each, kinds.SMALLEST_POWER))));
    return { level, most: Math.max(...level.map((bands) => Math.max(...bands))) };
  };
  const aboveFloor = (power, { features }) => {
    const scale = 10 ** (-features.floor_db / 10);
    return power.map((bands) => bands.map((each) => 10 * Math.log10(1 + each * scale)));
  };

  // Raw chunks of a sound, and features from chunks.
  class Features {
    constructor(about, arrays) {
      [this.about, this.arrays, this.constants, this.config] = [about, arrays, about.analysis, about.features];
      this.spectrum = new Spectrum(this.constants.FFT);
      this.filters = Array.from({ length: arrays.filters.rows }, (_, band) => sparse(row(arrays.filters, band)));
      this.windowed = new Float64Array(this.constants.FFT);
    }

    // The chunk that begins at a sample; nothing is heard before the first one.
    chunk(samples, start) {
      const { WINDOW, HOP } = this.constants, { filters, window } = this.arrays, power = [];
      for (let column = 0; column < this.config.columns; column++) {
        const first = start + column * HOP - WINDOW / 2;
        for (let k = 0; k < WINDOW; k++) this.windowed[k] = first + k < 0 ? 0 : samples[first + k] * window.data[k];
        const bins = this.spectrum.powers(this.windowed, filters.columns);
        power.push(Float64Array.from(this.filters, ({ weights, first }) => {
          let sum = 0;
          for (let k = 0; k < weights.length; k++) sum += weights[k] * bins[first + k];
          return sum;
        }));
      }
      return KINDS[this.config.kind](power, this.about, this.arrays);
    }

    standardised(chunk) {
      const { mean: centre, divisor } = this.arrays, { CLAMP } = this.constants;
      return centre ? chunk.map((each, k) => clamp((each - centre.data[k]) / divisor.data[k], -CLAMP, CLAMP)) : chunk;
    }

    // Bands of a raw chunk in dB above the noise floor.
    levels(chunk) {
      const { bands, kind } = this.config;
      return kind === "shape" ? chunk.slice(0, bands).map((each) => each + chunk[bands]) : chunk;
    }

    withLevels(chunk, levels) {
      if (this.config.kind !== "shape") return levels;
      const loud = mean(levels);
      return Float64Array.from([...levels.map((each) => each - loud), loud, chunk[this.config.bands + 1]]);
    }

    loudest(chunk) { return Math.max(...this.levels(chunk)); }

    matched(chunk, matching) {
      const { CLAMP, QUIET_DB, HEARD_DB } = this.constants, plain = this.standardised(chunk);
      if (matching === null) return plain;
      const heard = clamp((this.loudest(chunk) - QUIET_DB) / (HEARD_DB - QUIET_DB), 0, 1);
      return plain.map((each, k) => clamp(each + heard * (matching.factor[k] * each + matching.shift[k] - each), -CLAMP, CLAMP));
    }

    summary(chunk) {
      const { extras, summary_size: size } = this.config, bands = chunk.length - extras, each = bands / (size - extras);
      return Float64Array.from({ length: size }, (_, k) => (k < size - extras ? mean(chunk.slice(k * each, (k + 1) * each)) : chunk[bands + k - size + extras]));
    }

    // Features of the frame in the middle of raw chunks; what is not heard of its look-ahead is guessed.
    assembled(around, matching) {
      const { past } = this.config, chunks = around.map((each) => this.matched(each, matching)), own = chunks[past];
      const context = chunks.flatMap((each, place) => (place === past ? [] : [...this.summary(each)])), { guess, guess_bias: bias } = this.arrays;
      if (!guess) return Float32Array.from([...own, ...context]);
      const known = [...this.summary(own), ...context];
      const guessed = Float64Array.from(bias.data, (each, k) => known.reduce((sum, one, place) => sum + one * guess.data[place * guess.columns + k], each));
      return Float32Array.from([...own, ...context, ...guessed]);
    }
  }

  // Brings a foreign sound into the clip's sound world.
  class Matcher {
    constructor(about, arrays, features) {
      [this.about, this.arrays, this.features, this.constants] = [about, arrays, features, about.matching];
      this.fps = about.fps[0] / about.fps[1];
      [this.frames, this.novelty] = [0, 0];
      [this.total, this.squares] = [new Float64Array(about.features.chunk_size), new Float64Array(about.features.chunk_size)];
    }

    hear(chunk) {
      if (this.features.loudest(chunk) < this.about.analysis.HEARD_DB) return;
      const standardised = this.features.standardised(chunk), { repertoire } = this.arrays;
      let nearest = Infinity;
      for (let place = 0; place < repertoire.rows; place++) nearest = Math.min(nearest, distance(standardised, row(repertoire, place)));
      this.frames += 1;
      this.novelty += nearest / this.about.matcher.distance;
      standardised.forEach((each, k) => { this.total[k] += each; this.squares[k] += each * each; });
      const most = this.constants.REMEMBERED_SECONDS * this.fps, share = most / this.frames;
      if (share >= 1) return;
      [this.frames, this.novelty] = [most, this.novelty * share];
      [this.total, this.squares] = [this.total.map((each) => each * share), this.squares.map((each) => each * share)];
    }

    get tells() { return this.frames >= this.constants.LEAST_SECONDS * this.fps; }

    get foreign() {
      const { OWN, FOREIGN } = this.constants;
      return clamp((this.novelty / this.frames / this.about.matcher.tilted_novelty - OWN) / (FOREIGN - OWN), 0, 1);
    }

    // What is done to the sound; null: nothing.
    matching() {
      const strength = this.tells ? Math.min(1, this.frames / (this.constants.FADE_SECONDS * this.fps)) * this.foreign : 0;
      return strength ? this.moving(strength) : null;
    }

    // What is done to it where it is compared with the training sound.
    comparing() {
      if (!this.tells) return null;
      return this.moving(Math.max(this.frames / (this.frames + this.constants.COMPARED_SECONDS * this.fps), this.foreign));
    }

    moving(strength) {
      const { SOFT, MOST_SPREAD } = this.constants, { home_mean: home, home_spread: homeSpread } = this.arrays, { flux } = this.about.features;
      const own = this.total.map((each) => each / this.frames);
      const spread = this.squares.map((each, k) => Math.sqrt(Math.max(each / this.frames - own[k] ** 2, 0)));
      const ratio = spread.map((each, k) => clamp((homeSpread.data[k] + SOFT) / (each + SOFT), 1 / MOST_SPREAD, MOST_SPREAD));
      const factor = ratio.map((each) => 1 + strength * (each - 1)), shift = ratio.map((each, k) => strength * (home.data[k] - each * own[k]));
      const stroke = flux === null ? null : { mean: factor[flux] * own[flux] + shift[flux], spread: factor[flux] * (spread[flux] + SOFT) };
      return { factor, shift, strength, stroke };
    }
  }

  // What a room leaves of a sound, told from how fast its bands fall.
  class Room {
    constructor(about) {
      [this.constants, this.home] = [about.room, about.fall];
      [this.recent, this.chunks, this.echo] = [[], 0, 0];
    }

    hear(levels) {
      this.recent.push(levels);
      if (this.recent.length > this.constants.REMEMBERED_CHUNKS) this.recent.shift();
      this.chunks += 1;
      if (this.chunks % this.constants.TOLD_EVERY === 0) this.echo = this.echoOf(this.fall());
    }

    fall() {
      const { BACK, LOUD_DB, LOUD_SHARE, FEWEST, FASTEST } = this.constants, { recent } = this, bands = recent[0].length;
      const least = Array.from({ length: bands }, (_, band) => quantile(Float64Array.from(recent, (levels) => levels[band]).sort(), LOUD_SHARE));
      const falls = [];
      let loudChunks = 0;
      for (let place = 0; place + BACK < recent.length; place++) {
        const [before, after] = [recent[place], recent[place + BACK]], count = falls.length;
        for (let band = 0; band < bands; band++) if (before[band] >= least[band] && before[band] > LOUD_DB) falls.push(after[band] - before[band]);
        loudChunks += falls.length > count;
      }
      return loudChunks < FEWEST ? null : Float64Array.from(falls).sort()[Math.trunc(FASTEST * falls.length)];
    }

    echoOf(fall) {
      const { TAKEN, MARGIN_DB, LEAST_ECHO } = this.constants;
      const echo = fall === null ? 0 : TAKEN * (10 ** ((fall - MARGIN_DB) / 10) - 10 ** (this.home / 10));
      return echo >= LEAST_ECHO ? echo : 0;
    }

    // Levels of a chunk without what is left of the one before.
    dried(levels, before, echo) {
      const power = (level) => 10 ** (Math.max(level, 0) / 10) - 1;
      return levels.map((each, band) => 10 * Math.log10(1 + Math.max(power(each) - echo * power(before[band]), this.constants.LEAST * power(each))));
    }
  }

  const quantile = (sorted, share) => {
    const at = share * (sorted.length - 1), low = Math.floor(at), next = Math.min(low + 1, sorted.length - 1);
    return sorted[low] + (at - low) * (sorted[next] - sorted[low]);
  };

  // A sound as it comes, in cues: {number, features, nothing, foreign, stroke} for each frame whose sound is complete.
  class Ear {
    constructor(about, arrays, rate) {
      [this.about, this.constants, this.config] = [about, about.analysis, about.features];
      this.resampler = new Resampler(rate, this.constants.SAMPLE_RATE, about.resampler);
      this.leveller = new Leveller(about);
      this.features = new Features(about, arrays);
      this.matcher = about.matcher && new Matcher(about, arrays, this.features);
      this.room = about.matcher && about.fall !== null ? new Room(about) : null;
      this.loud = new BandPower(2 * this.constants.HOP, about.loudest_band);
      this.powers = new Map(); // of windows by their first sample
      [this.tape, this.first, this.number] = [new Tape(), 0, 0];
      [this.chunks, this.next] = [[], -this.config.past]; // those that are still needed, and the number of the one to come
    }

    // Samples of one channel at the rate that was named.
    push(samples) {
      this.tape.push(this.leveller.push(this.resampler.push(samples)));
      const { HOP, WINDOW } = this.constants, reach = HOP * (this.config.columns - 1) + WINDOW / 2, cues = [];
      while (this.start(this.number + this.config.ahead) + reach <= this.first + this.tape.samples.length) cues.push(this.cue(this.number++));
      const over = Math.min(this.start(this.number), this.start(this.next) - WINDOW / 2) - this.first;
      if (over > 0) { this.tape.drop(over); this.first += over; }
      return cues;
    }

    start(number) { return exactNearest(number, this.constants.SAMPLE_RATE * this.about.fps[1], this.about.fps[0]); }

    cue(number) {
      const { past, ahead, flux } = this.config, { BACK } = this.about.room;
      for (; this.next <= number + ahead; this.next++) this.chunks.push(this.features.chunk(this.tape.samples, this.start(this.next) - this.first));
      let around = this.chunks.slice(-(past + 1 + ahead)), [matching, comparing] = [null, null];
      if (this.matcher) {
        this.matcher.hear(around[past]);
        [matching, comparing] = [this.matcher.matching(), this.matcher.comparing()];
      }
      if (this.room) {
        this.room.hear(this.features.levels(around[past]));
        const echo = matching === null ? this.room.echo : 0; // a foreign sound may fall as it likes
        if (echo) around = around.map((chunk, place) => this.dried(chunk, this.chunks.length - around.length + place - BACK, echo));
      }
      const features = this.features.assembled(around, matching), told = matching !== null && flux !== null;
      const cue = {
        number,
        features: comparing === null ? features : this.features.assembled(around, comparing),
        nothing: this.loudest(this.start(number) - this.first) < this.about.threshold,
        foreign: told ? matching.strength : 0,
        stroke: told ? (features[flux] - matching.stroke.mean) / matching.stroke.spread : 0,
      };
      this.chunks = this.chunks.slice(-(past + ahead + BACK));
      return cue;
    }

    dried(chunk, before, echo) {
      const levels = this.features.levels(chunk), silence = levels.map(() => 0);
      return this.features.withLevels(chunk, this.room.dried(levels, before < 0 ? silence : this.features.levels(this.chunks[before]), echo));
    }

    // dB of the loudest 20 ms of a frame's sound.
    loudest(from) {
      const { HOP } = this.constants, samples = this.tape.samples.subarray(from, from + this.about.reach);
      let most = 0;
      for (let place = 0; place < Math.max(1, Math.ceil(samples.length / HOP) - 1); place++) {
        const at = this.first + from + place * HOP, whole = (place + 2) * HOP <= samples.length;
        const power = (whole ? this.powers.get(at) : undefined) ?? this.loud.of(samples, place * HOP);
        if (whole) this.powers.set(at, power); // the next frame hears the same windows
        most = Math.max(most, power);
      }
      for (const at of this.powers.keys()) if (at < this.first + from) this.powers.delete(at);
      return decibels(most);
    }
  }

  return { Ear, Features };
}
