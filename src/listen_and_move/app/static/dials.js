// Dials of playing: what the server says of each, what they are worth, and that they are as they were after a reload.

import { h, recall, remember } from "./dom.js";
import { choices } from "./choices.js";

/** Of a dial that can be a word too: what each word is called in a view; the first one is where it begins. */
const WAYS = { gain: { animate: [["match", "matched"], ["running", "levels itself"]], live: [["running", "levels itself"]] } };

const digits = (step) => (`${step}`.split(".")[1] ?? "").length;

/** A value in words. */
function text(dial, value) {
  if (dial.percent) return `${Math.round(value * 100)} %`;
  if (dial.lowest === 0 && dial.default === 0 && value === 0) return "off";
  const sign = dial.lowest < 0 && value > 0 ? "+" : "";
  return dial.unit ? `${sign}${value.toFixed(digits(dial.step))} ${dial.unit}` : `${sign}${value}`;
}

/** The dials of a view, each with where it begins. */
const dialsOf = (view) => choices.dials.filter((dial) => dial.views.includes(view)).map((dial) => {
  const ways = WAYS[dial.name]?.[view];
  return { ...dial, ways, start: ways ? ways[0][0] : dial.default };
});

/** Those dials of a view that were not where they begin, in words. */
export function dialWords(view, { gain, controls }) {
  const values = { ...controls, gain };
  const worth = (dial) => (typeof values[dial.name] === "number" ? text(dial, values[dial.name]) : values[dial.name]);
  return dialsOf(view).filter((dial) => dial.name in values && values[dial.name] !== dial.start).map((dial) => `${dial.name.replaceAll("_", " ")} ${worth(dial)}`);
}

/** A row for each dial of a view; `changed` is called when one was moved. One that a model lacks counts as not moved. */
export function dialBoard(view, changed = () => {}) {
  const key = `${view}-dials`;
  const offered = dialsOf(view);
  const start = Object.fromEntries(offered.map((dial) => [dial.name, dial.start]));
  const values = { ...start, ...recall(key, {}) };
  const withheld = new Set();
  const element = h("div", { className: "dials" });

  function set(name, value) {
    values[name] = value;
    remember(key, values);
    changed();
  }

  function draw() {
    element.replaceChildren(...offered.filter((dial) => !withheld.has(dial.name)).map((dial) => row(dial, values[dial.name], set)), reset);
  }

  const reset = h("button", { type: "button", className: "quiet", onclick: () => {
    Object.assign(values, start);
    remember(key, values);
    draw();
    changed();
  } }, "Reset all");

  /** Offer all dials but those that a model lacks. */
  function withhold(names) {
    withheld.clear();
    names.forEach((name) => withheld.add(name));
    draw();
  }

  /** The gain, and all controls by their names. */
  function chosen() {
    const { gain, ...controls } = Object.fromEntries(offered.map(({ name }) => [name, withheld.has(name) ? start[name] : values[name]]));
    return { gain, controls };
  }

  draw();
  return { element, withhold, chosen };
}

function row(dial, value, set) {
  const id = `dial-${dial.name}`;
  const number = typeof value === "number" ? value : dial.usual ?? 0;
  const output = h("output", { htmlFor: id });
  const range = h("input", { type: "range", id, min: dial.slider.lowest, max: dial.slider.highest, step: dial.step, value: number, title: dial.help });
  const say = () => {
    output.value = text(dial, Number(range.value));
    range.setAttribute("aria-valuetext", output.value);
  };
  range.addEventListener("input", () => { say(); set(dial.name, Number(range.value)); });
  say();
  const parts = [h("label", { htmlFor: id, title: dial.help }, dial.label)];
  if (dial.default === null) parts.push(onOff(dial, value, range, output, set));
  if (dial.ways) parts.push(chooser(dial, value, range, output, set));
  return h("div", { className: "dial" }, ...parts, range, output);
}

function onOff(dial, value, range, output, set) {
  const on = value !== null;
  const box = h("input", { type: "checkbox", checked: on, "aria-label": `${dial.label}: on`, onchange: () => {
    range.disabled = output.hidden = !box.checked;
    set(dial.name, box.checked ? Number(range.value) : null);
  } });
  range.disabled = output.hidden = !on;
  return box;
}

function chooser(dial, value, range, output, set) {
  const way = typeof value === "number" ? "fixed" : value;
  const options = [...dial.ways, ["fixed", "fixed gain"]].map(([word, shown]) => h("option", { value: word, selected: word === way }, shown));
  const select = h("select", { "aria-label": dial.label, onchange: () => {
    range.hidden = output.hidden = select.value !== "fixed";
    set(dial.name, select.value === "fixed" ? Number(range.value) : select.value);
  } }, options);
  range.hidden = output.hidden = way !== "fixed";
  return select;
}
