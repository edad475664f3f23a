// Dragging a crop of a fixed shape on a picture: by pointer (inside moves, corners size) or by arrow keys.

import { h } from "./dom.js";

const LEAST = 16; // pixels of the video
const TALLEST = 28; // rem

/** `size` of the video in pixels; `changed` hears [left, top, right, bottom]. */
export function cropEditor(picture, size, changed) {
  let shape = 1; // width : height
  let box = [0, 0, size.width, size.height];
  const corners = ["nw", "ne", "sw", "se"].map((name) => h("span", { className: `corner ${name}`, "data-corner": name }));
  const frame = h("div", { className: "frame", tabIndex: 0, role: "group", "aria-roledescription": "crop", onkeydown: byKey, onpointerdown: grab }, corners);
  const hole = h("div", { className: "hole" });
  const output = h("output", { className: "soft" });
  const element = h("div", { className: "crop" }, h("div", { className: "canvas" }, h("img", { src: picture, alt: "A frame of the video", draggable: false }), h("div", { className: "shade" }, hole), frame), output);

  element.style.maxWidth = `${(TALLEST * size.width) / size.height}rem`;

  function draw() {
    const [left, top, right, bottom] = box;
    const percent = (value, whole) => `${(100 * value) / whole}%`;
    const style = { left: percent(left, size.width), top: percent(top, size.height), width: percent(right - left, size.width), height: percent(bottom - top, size.height) };
    Object.assign(frame.style, style);
    Object.assign(hole.style, style);
    output.value = `${right - left} × ${bottom - top} pixels at ${left}, ${top}`;
    frame.setAttribute("aria-label", `Crop: ${output.value}. Arrow keys move it, with Shift they size it.`);
  }

  /** A box of the right shape and inside the picture, as near to what is asked as can be. */
  function place(left, top, width) {
    const most = Math.min(size.width, size.height * shape);
    const least = Math.min(most, LEAST * Math.max(1, shape));
    const wide = Math.round(Math.min(most, Math.max(least, width)));
    const high = Math.min(size.height, Math.round(wide / shape));
    const x = Math.round(Math.min(size.width - wide, Math.max(0, left)));
    const y = Math.round(Math.min(size.height - high, Math.max(0, top)));
    box = [x, y, x + wide, y + high];
    draw();
  }

  function byKey(event) {
    const step = event.altKey ? 1 : 8;
    const [x, y] = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key] ?? [0, 0];
    if (!x && !y) return;
    event.preventDefault();
    const [left, top, right] = box;
    if (event.shiftKey) place(left, top, right - left + (x || y));
    else place(left + x, top + y, right - left);
    changed(box);
  }

  function grab(event) {
    event.preventDefault();
    frame.focus();
    frame.setPointerCapture(event.pointerId);
    const { corner } = event.target.dataset;
    const scale = size.width / frame.parentElement.clientWidth;
    const [left, top, right, bottom] = box;
    const move = ({ clientX, clientY }) => {
      const [x, y] = [(clientX - event.clientX) * scale, (clientY - event.clientY) * scale];
      if (!corner) return place(left + x, top + y, right - left);
      const [west, north] = [corner.includes("w"), corner.includes("n")];
      const most = Math.min(west ? right : size.width - left, (north ? bottom : size.height - top) * shape);
      const width = Math.min(most, Math.max(right - left + (west ? -x : x), (bottom - top + (north ? -y : y)) * shape));
      const wide = Math.max(width, Math.min(most, LEAST * Math.max(1, shape)));
      place(west ? right - wide : left, north ? bottom - wide / shape : top, wide);
    };
    const drop = () => {
      frame.removeEventListener("pointermove", move);
      changed(box);
    };
    frame.addEventListener("pointermove", move);
    frame.addEventListener("pointerup", drop, { once: true });
    frame.addEventListener("pointercancel", drop, { once: true });
  }

  return {
    element,
    get box() { return box; },
    /** Another box, if there is one, and another shape. */
    set(wanted, width, height) {
      shape = width / height;
      const [left, top, right, bottom] = wanted ?? box;
      const wide = Math.min(right - left, (bottom - top) * shape);
      place(left + (right - left - wide) / 2, top + (bottom - top - wide / shape) / 2, wide);
    },
    /** The largest centred box. */
    whole() {
      place((size.width - Math.min(size.width, size.height * shape)) / 2, (size.height - Math.min(size.height, size.width / shape)) / 2, size.width);
    },
  };
}
