// Dials of playing: how they look, what they are worth, and that they are as they were after a reload.

import { h, recall, remember } from "./dom.js";

const percent = (value) => `${Math.round(value * 100)} %`;
const time = (value) => (value ? `${value.toFixed(2)} s` : "off");
const level = (value) => `${value > 0 ? "+" : ""}${value} dB`;

export const AMOUNT = { name: "amount", label: "Amount of motion", min: 0, max: 3, step: 0.05, start: 1, text: percent, hint: "0 is the picture of silence, 100 % as trained." };
export const SHARPNESS = { name: "sharpness", label: "Sharpness", min: -4, max: 4, step: 0.25, start: 0, text: (value) => `${value > 0 ? "+" : ""}${value}`, hint: "More of one real frame: sharper, and it jumps more. Less: a calmer blend of many." };
export const SMOOTHING = { name: "smoothing", label: "Smoothing", min: 0, max: 1, step: 0.02, start: 0, text: time, hint: "Calmer motion, and as much later." };
export const DELAY = { name: "delay", label: "Delay of the picture", min: 0, max: 1, step: 0.05, start: 0, text: time, hint: "The picture comes later than the sound." };
export const FREEZE = { name: "freeze", label: "Freeze in silence below", min: -80, max: -20, step: 1, start: null, text: level, optional: -50, hint: "Hold the picture where the sound is quieter than this." };

/** Gain: the ways of choosing it by themselves, and a number of dB. */
export function gainDial(ways) {
  return { name: "gain", label: "Loudness as heard", min: -20, max: 40, step: 1, start: ways[0][0], text: level, ways, hint: "Changes what the model hears, not the sound in the result." };
}

/** A row for each dial; `changed` is called when one was moved. One that is not offered counts as not moved. */
export function dials(key, specs, changed = () => {}) {
  const start = Object.fromEntries(specs.map((spec) => [spec.name, spec.start]));
  const values = { ...start, ...recall(key, {}) };
  const withheld = new Set();
  const element = h("div", { className: "dials" });

  function set(name, value) {
    values[name] = value;
    remember(key, values);
    changed();
  }

  function draw() {
    const offered = specs.filter((spec) => !withheld.has(spec.name));
    element.replaceChildren(...offered.map((spec) => row(spec, values, set)), reset);
  }

  const reset = h("button", { type: "button", className: "quiet", onclick: () => {
    Object.assign(values, start);
    remember(key, values);
    draw();
    changed();
  } }, "Reset all");
  function offer(name, yes) {
    withheld[yes ? "delete" : "add"](name);
    draw();
  }

  draw();
  return { element, offer, get values() { return { ...values, ...Object.fromEntries([...withheld].map((name) => [name, start[name]])) }; } };
}

function row(spec, values, set) {
  const id = `dial-${spec.name}`;
  const number = typeof values[spec.name] === "number" ? values[spec.name] : spec.optional ?? 0;
  const output = h("output", { htmlFor: id });
  const range = h("input", { type: "range", id, min: spec.min, max: spec.max, step: spec.step, value: number, title: spec.hint });
  const say = () => {
    output.value = spec.text(Number(range.value));
    range.setAttribute("aria-valuetext", output.value);
  };
  range.addEventListener("input", () => { say(); set(spec.name, Number(range.value)); });
  say();
  const parts = [h("label", { htmlFor: id }, spec.label)];
  if (spec.optional !== undefined) parts.push(onOff(spec, range, output, values, set));
  if (spec.ways) parts.push(chooser(spec, range, output, values, set));
  return h("div", { className: "dial" }, ...parts, range, output);
}

function onOff(spec, range, output, values, set) {
  const on = values[spec.name] !== null;
  const box = h("input", { type: "checkbox", checked: on, "aria-label": `${spec.label}: on`, onchange: () => {
    range.disabled = output.hidden = !box.checked;
    set(spec.name, box.checked ? Number(range.value) : null);
  } });
  range.disabled = output.hidden = !on;
  return box;
}

function chooser(spec, range, output, values, set) {
  const way = typeof values[spec.name] === "number" ? "fixed" : values[spec.name];
  const options = [...spec.ways, ["fixed", "fixed gain"]].map(([value, text]) => h("option", { value, selected: value === way }, text));
  const select = h("select", { "aria-label": spec.label, onchange: () => {
    range.hidden = output.hidden = select.value !== "fixed";
    set(spec.name, select.value === "fixed" ? Number(range.value) : select.value);
  } }, options);
  range.hidden = output.hidden = way !== "fixed";
  return select;
}
