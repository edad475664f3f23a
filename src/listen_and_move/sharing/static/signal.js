// Signal: spectra, levels, another rate and the running gain, as the modules `media.resampling` and `audio.loudness` of the
// Python package have them. One function, whose text is run in the audio thread as well. `about` holds what the page was
// written with: settings, and the constants of the Python modules by their names.

function signal() {
  "use strict";

  // Spectra of real windows of one length, whose prime factors are small.
  class Spectrum {
    constructor(length) {
      this.length = length;
      this.cosines = Float64Array.from({ length }, (_, k) => Math.cos((2 * Math.PI * k) / length));
      this.sines = Float64Array.from({ length }, (_, k) => -Math.sin((2 * Math.PI * k) / length));
      this.factors = [];
      for (let left = length, factor = 4; left > 1;) {
        if (left % factor === 0) { this.factors.push(factor); left /= factor; } else factor = { 4: 2, 3: 5 }[factor] ?? factor + 1;
      }
      const most = Math.max(...this.factors, 1);
      [this.real, this.imaginary] = [new Float64Array(length), new Float64Array(length)];
      this.order = Int32Array.from(ordered(0, 1, this.factors));
      [this.ownReal, this.ownImaginary] = [new Float64Array(most), new Float64Array(most)];
    }

    // Squared magnitudes of the first bins.
    powers(window, bins) {
      const { real, imaginary, order, factors } = this;
      for (let place = 0; place < this.length; place++) real[place] = window[order[place]];
      imaginary.fill(0);
      for (let level = factors.length - 1, length = 1; level >= 0; level--) {
        length *= factors[level];
        for (let to = 0; to < this.length; to += length) {
          if (factors[level] === 4) this.byFour(to, length); else this.byAny(to, length, factors[level]);
        }
      }
      const powers = new Float64Array(bins);
      for (let bin = 0; bin < bins; bin++) powers[bin] = real[bin] ** 2 + imaginary[bin] ** 2;
      return powers;
    }

    // Four transforms beside each other become one.
    byFour(to, length) {
      const { real, imaginary, cosines, sines } = this, part = length / 4, turn = this.length / length;
      for (let place = 0; place < part; place++) {
        const a = to + place, b = a + part, c = b + part, d = c + part, one = place * turn, two = 2 * one, three = 3 * one;
        const bReal = real[b] * cosines[one] - imaginary[b] * sines[one], bImaginary = real[b] * sines[one] + imaginary[b] * cosines[one];
        const cReal = real[c] * cosines[two] - imaginary[c] * sines[two], cImaginary = real[c] * sines[two] + imaginary[c] * cosines[two];
        const dReal = real[d] * cosines[three] - imaginary[d] * sines[three], dImaginary = real[d] * sines[three] + imaginary[d] * cosines[three];
        const evenReal = real[a] + cReal, evenImaginary = imaginary[a] + cImaginary, oddReal = real[a] - cReal, oddImaginary = imaginary[a] - cImaginary;
        const sumReal = bReal + dReal, sumImaginary = bImaginary + dImaginary, leftReal = bReal - dReal, leftImaginary = bImaginary - dImaginary;
        real[a] = evenReal + sumReal; imaginary[a] = evenImaginary + sumImaginary;
        real[b] = oddReal + leftImaginary; imaginary[b] = oddImaginary - leftReal;
        real[c] = evenReal - sumReal; imaginary[c] = evenImaginary - sumImaginary;
        real[d] = oddReal - leftImaginary; imaginary[d] = oddImaginary + leftReal;
      }
    }

    // So many transforms beside each other become one.
    byAny(to, length, factor) {
      const { real, imaginary, ownReal, ownImaginary, cosines, sines } = this, part = length / factor;
      const turn = this.length / length, step = this.length / factor;
      for (let place = 0; place < part; place++) {
        for (let each = 0; each < factor; each++) {
          const at = to + each * part + place, angle = each * place * turn;
          ownReal[each] = real[at] * cosines[angle] - imaginary[at] * sines[angle];
          ownImaginary[each] = real[at] * sines[angle] + imaginary[at] * cosines[angle];
        }
        for (let bin = 0; bin < factor; bin++) {
          let sumReal = ownReal[0], sumImaginary = ownImaginary[0];
          for (let each = 1; each < factor; each++) {
            const angle = ((each * bin) % factor) * step;
            sumReal += ownReal[each] * cosines[angle] - ownImaginary[each] * sines[angle];
            sumImaginary += ownReal[each] * sines[angle] + ownImaginary[each] * cosines[angle];
          }
          real[to + bin * part + place] = sumReal;
          imaginary[to + bin * part + place] = sumImaginary;
        }
      }
    }
  }

  // Places of samples in the order in which their transforms are joined.
  const ordered = (from, stride, [factor, ...others]) =>
    factor ? Array.from({ length: factor }, (_, each) => ordered(from + each * stride, stride * factor, others)).flat() : [from];

  // Mean square of windows in the band that is heard.
  class BandPower {
    constructor(length, [first, last]) {
      [this.first, this.last, this.spectrum] = [first, last, new Spectrum(length)];
      this.hann = Float64Array.from({ length }, (_, k) => 0.5 - 0.5 * Math.cos((2 * Math.PI * k) / length));
      this.norm = length * this.hann.reduce((sum, each) => sum + each * each, 0);
      this.windowed = new Float64Array(length);
    }

    // Of the samples from a place on, silence behind them.
    of(samples, from = 0) {
      for (let k = 0; k < this.hann.length; k++) this.windowed[k] = from + k < samples.length ? samples[from + k] * this.hann[k] : 0;
      const powers = this.spectrum.powers(this.windowed, this.last);
      let sum = 0;
      for (let bin = this.first; bin < this.last; bin++) sum += powers[bin];
      return (2 * sum) / this.norm;
    }
  }

  const decibels = (power) => (power > 0 ? 10 * Math.log10(power) : -Infinity);
  const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

  // floor(number * above / below) and floor(that + 1/2), exact.
  const exactFloor = (number, above, below) => Number(floorDivide(BigInt(number) * BigInt(above), BigInt(below)));
  const exactNearest = (number, above, below) => Number(floorDivide(2n * BigInt(number) * BigInt(above) + BigInt(below), 2n * BigInt(below)));
  function floorDivide(above, below) {
    const quotient = above / below;
    return above % below < 0n ? quotient - 1n : quotient;
  }

  // Samples at another rate: a bank of windowed sincs, as FFmpeg's resampler has it (Kaiser window, beta 9).
  class Resampler {
    constructor(from, to, { SIZE, CUTOFF, BETA }) {
      const greatest = (a, b) => (b ? greatest(b, a % b) : a), common = greatest(from, to);
      [this.step, this.phases, this.same] = [from / common, to / common, from === to];
      const factor = Math.min((to * CUTOFF) / from, 1);
      this.taps = Math.ceil(SIZE / factor);
      this.centre = Math.floor((this.taps - 1) / 2);
      this.filters = Array.from({ length: this.phases }, (_, phase) => sinc(phase / this.phases, this.taps, this.centre, factor, BETA));
      this.held = new Tape();
      this.begun = false;
      this.place = 0; // of the next sample, in phases after the first one that is held
    }

    push(samples) {
      if (this.same) return samples;
      this.held.push(samples);
      if (!this.begun && this.held.samples.length <= this.centre) return new Float32Array(0);
      if (!this.begun) { // mirrored, so that it does not begin with a click
        const first = this.held.samples.slice();
        this.held = new Tape();
        this.held.push(Float32Array.from({ length: this.centre }, (_, k) => first[this.centre - k]));
        this.held.push(first);
        this.begun = true;
      }
      const found = [], held = this.held.samples;
      for (; Math.floor(this.place / this.phases) + this.taps <= held.length; this.place += this.step) {
        const first = Math.floor(this.place / this.phases), filter = this.filters[this.place % this.phases];
        let sum = 0;
        for (let tap = 0; tap < this.taps; tap++) sum += held[first + tap] * filter[tap];
        found.push(sum);
      }
      const over = Math.min(Math.floor(this.place / this.phases), held.length);
      this.held.drop(over);
      this.place -= over * this.phases;
      return Float32Array.from(found);
    }
  }

  function sinc(shift, taps, centre, factor, beta) {
    const filter = Float64Array.from({ length: taps }, (_, tap) => {
      const x = Math.PI * (tap - centre - shift) * factor, w = (2 * x) / (factor * taps * Math.PI);
      return (x === 0 ? 1 : Math.sin(x) / x) * bessel(beta * Math.sqrt(Math.max(1 - w * w, 0)));
    });
    const sum = filter.reduce((total, each) => total + each, 0);
    return filter.map((each) => each / sum);
  }

  // The modified Bessel function of order 0.
  function bessel(x) {
    let [sum, term] = [1, 1];
    for (let k = 1; term > 1e-17 * sum; k++) { term *= (x / (2 * k)) ** 2; sum += term; }
    return sum;
  }

  // The last samples of a sound, to which more are added.
  class Tape {
    constructor() { [this.buffer, this.begin, this.end] = [new Float32Array(1 << 14), 0, 0]; }

    get samples() { return this.buffer.subarray(this.begin, this.end); }

    push(samples) {
      if (this.end + samples.length > this.buffer.length) {
        const held = this.samples, size = held.length + samples.length, buffer = 2 * size > this.buffer.length ? new Float32Array(4 * size) : this.buffer;
        buffer.set(held);
        [this.buffer, this.begin, this.end] = [buffer, 0, held.length];
      }
      this.buffer.set(samples, this.end);
      this.end += samples.length;
    }

    drop(count) { this.begin += count; }
  }

  // The running gain, which slowly brings a sound to the level of the training sound.
  class Leveller {
    constructor(about) {
      this.constants = about.loudness;
      this.trained = about.level;
      this.power = new BandPower(this.constants.BLOCK, about.level_band);
      this.tape = new Tape();
      [this.counts, this.powers] = [new Float64Array(this.constants.BINS), new Float64Array(this.constants.BINS)];
      [this.count, this.gains] = [0, [0, 0]];
    }

    push(samples) {
      const { STEP } = this.constants, louder = new Float32Array(samples.length);
      for (let from = 0; from < samples.length;) {
        const place = this.count % STEP, piece = samples.subarray(from, from + STEP - place);
        const [first, last] = this.gains.map((gain) => 10 ** (gain / 20));
        piece.forEach((each, k) => { louder[from + k] = each * (first + ((last - first) * (place + k)) / STEP); });
        [this.count, from] = [this.count + piece.length, from + piece.length];
        this.measure(piece);
      }
      return louder;
    }

    measure(piece) {
      const { BLOCK, STEP, ABSOLUTE_GATE, SLOWNESS_SECONDS, MEMORY_SECONDS } = this.constants, now = this.gains[1];
      this.tape.push(piece);
      if (this.count % STEP) return;
      this.gains = [now, now];
      if (this.tape.samples.length < BLOCK) return;
      const power = this.power.of(this.tape.samples);
      this.tape.drop(STEP);
      if (decibels(power) < ABSOLUTE_GATE) return;
      const seconds = STEP / this.constants.SAMPLE_RATE, kept = Math.exp(-seconds / MEMORY_SECONDS), slow = Math.exp(-seconds / SLOWNESS_SECONDS);
      for (let bin = 0; bin < this.counts.length; bin++) { this.counts[bin] *= kept; this.powers[bin] *= kept; }
      const bin = this.bin(decibels(power));
      this.counts[bin] += 1;
      this.powers[bin] += power;
      const target = this.trained === null ? now : clamp(this.trained - this.level(), -this.constants.LARGEST_GAIN, this.constants.LARGEST_GAIN);
      this.gains = [now, slow * now + (1 - slow) * target];
    }

    level() {
      for (let gate = 0; ;) {
        const higher = this.bin(this.mean(gate) - this.constants.RELATIVE_GATE);
        if (higher <= gate) return this.mean(gate);
        gate = higher;
      }
    }

    mean(gate) {
      let [powers, counts] = [0, 0];
      for (let bin = gate; bin < this.counts.length; bin++) { powers += this.powers[bin]; counts += this.counts[bin]; }
      return decibels(powers / counts);
    }

    bin(level) {
      const { ABSOLUTE_GATE, BIN, BINS } = this.constants;
      return clamp(Math.trunc((level - ABSOLUTE_GATE) / BIN), 0, BINS - 1);
    }
  }

  return { BandPower, Leveller, Resampler, Spectrum, Tape, clamp, decibels, exactFloor, exactNearest };
}
