// Charts, drawn as SVG in the colours of the style sheet.

import { h, s } from "./dom.js";

const WIDTH = 600;

function line(values, height, x) {
  return values.map((value, index) => `${index ? "L" : "M"}${x(index).toFixed(1)} ${(height - value * height).toFixed(1)}`).join("");
}

/** Motion of a video against the loudness of its sound, with a line where it is; a click goes there. */
export function motionChart({ motion, loudness, seconds }, video) {
  const height = 90;
  const x = (index) => (index / Math.max(1, motion.length - 1)) * WIDTH;
  const loud = loudness.map((level) => Math.min(1, Math.max(0, (level + 60) / 60)));
  const area = `${line(loud, height, x)}L${WIDTH} ${height}L0 ${height}Z`;
  const head = s("line", { y1: 0, y2: height, class: "playhead" });
  const drawing = s("svg", { viewBox: `0 0 ${WIDTH} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": "Motion of the picture against loudness of the sound, over time" },
    s("path", { d: area, class: "loud" }), s("path", { d: line(motion, height, x), class: "motion" }), head);
  const place = () => {
    const at = (video.currentTime / (video.duration || seconds)) * WIDTH;
    head.setAttribute("x1", at);
    head.setAttribute("x2", at);
    if (!video.paused) requestAnimationFrame(place);
  };
  for (const type of ["play", "seeked", "timeupdate"]) video.addEventListener(type, place);
  drawing.addEventListener("click", (event) => {
    const box = drawing.getBoundingClientRect();
    video.currentTime = ((event.clientX - box.left) / box.width) * video.duration;
  });
  const key = h("figcaption", {}, h("span", { className: "key motion" }, "motion"), h("span", { className: "key loud" }, "loudness"));
  return h("figure", { className: "chart" }, drawing, key);
}

/** One curve over steps, with its last value and its range. */
export function curve(title, points, digits = 3) {
  const height = 120;
  const steps = points.map(([step]) => step);
  const values = points.map(([, value]) => value);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const across = Math.max(1, steps.at(-1) - steps[0]);
  const path = points.map(([step, value], index) => {
    const x = ((step - steps[0]) / across) * WIDTH;
    const y = 6 + (1 - (high > low ? (value - low) / (high - low) : 0.5)) * (height - 12);
    return `${index ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
  }).join("");
  const dot = points.length === 1 ? s("circle", { cx: 2, cy: height / 2, r: 3, class: "dot" }) : [];
  const last = values.at(-1).toFixed(digits);
  return h("figure", { className: "chart curve" },
    h("figcaption", {}, h("b", {}, title), h("span", {}, last)),
    s("svg", { viewBox: `0 0 ${WIDTH} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": `${title}: from ${values[0].toFixed(digits)} to ${last} at step ${steps.at(-1)}` }, s("path", { d: path, class: "motion" }), dot),
    h("small", {}, h("span", {}, `step ${steps[0]} – ${steps.at(-1)}`), h("span", {}, `${low.toFixed(digits)} – ${high.toFixed(digits)}`)));
}
