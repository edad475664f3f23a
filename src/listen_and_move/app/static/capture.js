// Runs in the audio thread: gathers the sound, left and right beside each other, into blocks and posts each with the place of its first sample.

class Capture extends AudioWorkletProcessor {
  constructor({ processorOptions }) {
    super();
    this.size = processorOptions.size;
    this.block = new Float32Array(2 * this.size);
    this.filled = 0;
  }

  process([input]) {
    const quantum = input[0]?.length ?? 128; // without a source there is silence, which is sound too
    for (let place = 0; place < quantum; place++) {
      for (const side of [0, 1]) this.block[this.filled++] = (input[side] ?? input[0])?.[place] ?? 0;
      if (this.filled === this.block.length) this.send(currentFrame + place + 1 - this.size);
    }
    return true;
  }

  send(first) {
    this.port.postMessage({ first, samples: this.block }, [this.block.buffer]);
    this.block = new Float32Array(2 * this.size);
    this.filled = 0;
  }
}

registerProcessor("capture", Capture);
