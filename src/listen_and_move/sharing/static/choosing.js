// Choosing: from cues to what is shown, as the modules `models.path_search` and `inference.sources.path` of the Python package have
// it live and by sound alone. One function; it needs `signal`.

function choosing() {
  "use strict";
  const { clamp, exactFloor } = signal();
  const row = ({ data, columns }, place) => data.subarray(place * columns, (place + 1) * columns);
  const roundedToEven = (value) => (Math.abs(value % 1) === 0.5 ? 2 * Math.round(value / 2) : Math.round(value));
  const least = (values) => values.reduce((best, each, place) => (each < values[best] ? place : best), 0);
  // Places of the smallest values, the smallest first, and of equal ones the first.
  const smallest = (values, count) => {
    const found = [];
    values.forEach((value, place) => {
      let rank = found.length;
      while (rank > 0 && value < values[found[rank - 1]]) rank--;
      if (rank >= count) return;
      found.splice(rank, 0, place);
      found.length = Math.min(found.length, count);
    });
    return found;
  };
  const apart = (a, b) => {
    let sum = 0;
    for (let k = 0; k < a.length; k++) sum += (a[k] - b[k]) ** 2;
    return Math.sqrt(sum);
  };

  // The cheapest path through the training frames, decided some frames late.
  class Search {
    constructor(about, arrays) {
      [this.about, this.arrays, this.constants, this.size] = [about, arrays, about.path, arrays.numbers.data.length];
      const numbers = arrays.numbers.data;
      this.goesOn = Array.from(numbers, (each, place) => numbers[place + 1] === each + 1);
      this.pictures = Array.from(numbers, (_, place) => row(arrays.pictures, place));
      this.expected = this.pictures.map((now, place) => {
        if (this.goesOn[place]) return this.pictures[place + 1];
        const before = this.pictures[(place + this.size - 1) % this.size];
        return now.map((each, k) => 2 * each - before[k]);
      });
      this.scaled = new Float64Array(arrays.sounds.columns);
      this.state = null; // paths not decided yet, where each is now, what each costs
    }

    // Places among the training frames that a cue decides.
    push(cue) {
      this.state = this.extended(cue);
      const { paths, costs } = this.state;
      if (paths[0].length <= this.about.search.lag) return [];
      const first = paths[least(costs)][0], agree = paths.map((_, place) => place).filter((place) => paths[place][0] === first);
      const of = (values) => agree.map((place) => values[place]);
      this.state = { paths: of(paths).map((path) => path.slice(1)), ends: of(this.state.ends), costs: of(costs) };
      return [first];
    }

    extended(cue) {
      const here = this.costs(cue), order = smallest(here, this.about.search.nearest);
      if (this.state === null) return { paths: order.map((each) => [each]), ends: order, costs: order.map((each) => here[each]) };
      const { paths, ends, costs } = this.state, following = ends.filter((end) => this.goesOn[end]).map((end) => end + 1);
      const all = [...order, ...following];
      if (cue.silent || cue.foreign) all.push(...ends);
      if (cue.foreign) all.push(...following.filter((place) => this.goesOn[place]).map((place) => place + 1));
      const candidates = [...new Set(all)].sort((a, b) => a - b);
      const reached = candidates.map((candidate) => {
        const totals = ends.map((end, place) => costs[place] + this.about.search.jump_weight * this.jump(end, candidate, cue)), before = least(totals);
        return { candidate, before, total: totals[before] + here[candidate] };
      });
      reached.sort((a, b) => a.total - b.total); // stable
      const kept = reached.slice(0, this.about.search.beam);
      return {
        paths: kept.map(({ before, candidate }) => [...paths[before], candidate]),
        ends: kept.map(({ candidate }) => candidate),
        costs: kept.map(({ total }) => total - kept[0].total),
      };
    }

    // What each training frame costs by itself.
    costs(cue) {
      const { scale, sound_mean: centre, sounds, motion } = this.arrays, { STROKE, TRUST, WEAKEST, STRONGEST } = this.constants;
      this.scaled.forEach((_, k) => { this.scaled[k] = cue.features[k] * scale.data[k] - centre.data[k]; });
      const stroke = clamp(cue.stroke, WEAKEST, STRONGEST);
      return Float64Array.from({ length: this.size }, (_, place) => {
        const cost = apart(this.scaled, row(sounds, place)) / this.about.search.sound_unit;
        if (!cue.foreign) return cost;
        return cost * (1 - cue.foreign * (1 - TRUST)) + cue.foreign * STROKE * (motion.data[place] - stroke) ** 2;
      });
    }

    // How far a candidate's picture is from the one that would come next.
    jump(end, candidate, cue) {
      const { ADVANCE, SPEED } = this.constants, unit = this.about.search.picture_unit, playsOn = this.goesOn[end] && end + 1 === candidate;
      if (cue.silent && end === candidate) return 0;
      if (cue.silent && playsOn) return (ADVANCE * apart(this.pictures[end], this.pictures[candidate])) / unit;
      if (playsOn) return 0;
      const far = apart(this.expected[end], this.pictures[candidate]) / unit, leftOut = this.goesOn[end] && this.goesOn[end + 1] && end + 2 === candidate;
      return !cue.silent && (end === candidate || leftOut) ? far * (1 - cue.foreign * (1 - SPEED)) : far;
    }

    // How far a frame is from the one that would follow another one, in large changes of the clip.
    apart(before, after) {
      const { large_change: large } = this.about.search;
      return large ? apart(this.expected[before], this.pictures[after]) / large : 0;
    }
  }

  // Frames of the clip in the order that cues ask for: {number, shots: [{place, share}]} for each output frame that is known.
  class Path {
    constructor(about, arrays) {
      [this.about, this.arrays, this.search] = [about, arrays, new Search(about, arrays)];
      [this.waiting, this.quiet, this.last, this.stretches, this.shown] = [[], 0, null, [], 0];
    }

    push(heard) {
      const cue = this.cue(heard), found = [];
      this.waiting.push(cue);
      for (const place of this.search.push(cue)) {
        const frame = this.waiting.shift();
        this.decide(frame, place);
        for (const known = this.position(frame.number + 1); this.shown < known; this.shown++) found.push({ number: this.shown, shots: this.shots(this.shown) });
        this.forget();
      }
      return found;
    }

    // After some silence the path may rest, and looks for the clip's own silence.
    cue(heard) {
      const [above, below] = this.about.fps;
      this.quiet = heard.nothing ? this.quiet + 1 : 0;
      if (this.quiet * below <= this.about.path.PATIENCE * above) return { ...heard, silent: false };
      return { number: heard.number, features: this.arrays.silence.data, silent: true, foreign: 0, stroke: 0 };
    }

    // The frame at the clip's rate that is on display at the instant of one at the rate of the features.
    position(number) {
      const { fps, rate } = this.about;
      return exactFloor(number, rate[0] * fps[1], rate[1] * fps[0]);
    }

    // Which kept frame is shown at a position: that one, or the nearest before it.
    place(position) {
      const positions = this.arrays.positions.data;
      let [low, high] = [0, positions.length];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (positions[middle] <= position) low = middle + 1; else high = middle;
      }
      return Math.max(0, low - 1);
    }

    // The first and the last position of the kept frames around one that follow each other.
    around(position) {
      const positions = this.arrays.positions.data, place = this.place(position);
      let [first, last] = [place, place];
      while (first > 0 && positions[first] - positions[first - 1] === 1) first--;
      while (last + 1 < positions.length && positions[last + 1] - positions[last] === 1) last++;
      return [positions[first], positions[last]];
    }

    decide(frame, place) {
      const { stretches, last } = this, { data: numbers } = this.arrays.numbers, number = numbers[place], before = last === null ? null : numbers[last];
      const begin = this.position(frame.number), current = stretches[stretches.length - 1];
      this.last = place;
      if (!current) stretches.push(this.stretch(begin, number));
      else if (number === before && current.moving) stretches.push({ ...current, begin, position: at(current, begin), moving: false, jump: false, after: 0 });
      else if (number === before + 1 && !current.moving) stretches.push(this.stretch(begin, number));
      else if (number === before + 2 && frame.foreign > 0 && this.together(before, number)) stretches.push(this.stretch(begin, number));
      else if (number !== before && number !== before + 1) stretches.push({ ...this.stretch(begin, number), jump: true, after: this.length(last, place) });
    }

    together(one, other) { return this.around(this.position(one))[0] === this.around(this.position(other))[0]; }

    stretch(begin, number) {
      const ends = this.around(this.position(number));
      return { begin, position: clamp(this.position(number), ...ends), moving: true, jump: false, ends, after: 0 };
    }

    // Output frames of a transition: as many as the picture takes to change so much by itself.
    length(before, after) {
      const { fps, rate, path } = this.about, seconds = (this.search.apart(before, after) * path.STEEPEST * fps[1]) / fps[0];
      const [shortest, longest] = [path.SHORTEST, path.LONGEST].map(([above, below]) => (above * rate[0]) / (below * rate[1]));
      return Math.max(1, roundedToEven(clamp((seconds * rate[0]) / rate[1], shortest, longest)));
    }

    // What is shown at an output frame, the oldest first; each covers those before it by its share.
    shots(frame) {
      let mixed = [];
      for (const stretch of this.stretches) {
        let share = frame >= stretch.begin ? 1 : 0;
        if (stretch.jump) share = clamp((frame - stretch.begin + 0.5) / stretch.after, 0, 1);
        else if (share && mixed.length > 1) { mixed[mixed.length - 1].position = at(stretch, frame); continue; }
        const eased = share * share * (3 - 2 * share);
        if (eased === 1 || !mixed.length) mixed = [{ position: at(stretch, frame), share: 1 }];
        else if (eased > 0) mixed.push({ position: at(stretch, frame), share: eased });
      }
      return mixed.map(({ position, share }) => ({ place: this.place(position), share }));
    }

    // Stretches that a later one covers are no longer needed.
    forget() {
      const { stretches, shown } = this;
      for (let place = stretches.length - 1; place >= 0; place--) {
        const jump = stretches.slice(0, place + 1).reverse().find((stretch) => stretch.jump) ?? stretches[place];
        if (shown >= Math.max(stretches[place].begin, jump.begin + jump.after)) { this.stretches = stretches.slice(place); return; }
      }
    }
  }

  const at = (stretch, frame) => clamp(stretch.position + (stretch.moving ? frame - stretch.begin : 0), ...stretch.ends);

  return { Path, Search };
}
