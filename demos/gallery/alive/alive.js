/* What the widgets share: their register, the arrays they are given, elements and pictures. Controls are in
   controls.js.

   A widget is one script that calls alive.register("name", build). build(element, data) fills
   <div class="alive" data-widget="name"> with what it makes of the JSON in <script id="data-name">, once.
   Nothing here asks the network for anything, and every text is set as text, never as HTML. */
"use strict";

const alive = (function () {
  /** Build a widget, if the page has a place for it. One that fails says so there and leaves the others alone. */
  function register(name, build) {
    const element = document.querySelector(`.alive[data-widget="${name}"]`);
    const data = document.getElementById(`data-${name}`);
    if (!element || !data) return;
    try {
      build(element, JSON.parse(data.textContent));
    } catch (error) {
      make(element, "p", { class: "alive-error", role: "alert" }, `This part has failed: ${error.message}`);
      console.error(name, error);
    }
  }

  /* ---- arrays --------------------------------------------------------------------------------------------------- */

  const TYPES = {
    f4: (bytes) => new Float32Array(bytes.buffer),
    i3: threeBytes,
    u1: (bytes) => bytes,
  };

  /** Whole numbers of three bytes each, the lowest first; the highest bit is the sign. */
  function threeBytes(bytes) {
    const whole = new Int32Array(bytes.length / 3);
    for (let i = 0; i < whole.length; i++) {
      whole[i] = ((bytes[3 * i] | (bytes[3 * i + 1] << 8) | (bytes[3 * i + 2] << 16)) << 8) >> 8;
    }
    return whole;
  }

  /** Unpack {type, shape, data, scale}, data in base64 -> {shape, values}: numbers of the type, or these times scale.

      scale is an array too, with one number for each row, that is for each index of the first axis. */
  function array(packed) {
    const bytes = Uint8Array.from(atob(packed.data), (letter) => letter.charCodeAt(0));
    const raw = TYPES[packed.type](bytes);
    if (!packed.scale) return { shape: packed.shape, values: raw };
    const scale = array(packed.scale).values;
    const row = raw.length / scale.length;
    return { shape: packed.shape, values: Float32Array.from(raw, (value, i) => value * scale[Math.floor(i / row)]) };
  }

  /** Index i of the first axis of an array -> the values there, without a copy. */
  function at(whole, i) {
    const size = whole.values.length / whole.shape[0];
    return whole.values.subarray(i * size, (i + 1) * size);
  }

  /** Copy image i of an array (N, channels, height, width) out, bytes as numbers from 0 to 1 -> an image. */
  function imageAt(whole, i) {
    const [, channels, height, width] = whole.shape;
    const values = at(whole, i);
    const unit = values instanceof Uint8Array ? 255 : 1;
    return { channels, height, width, values: Float32Array.from(values, (value) => value / unit) };
  }

  /* ---- elements ------------------------------------------------------------------------------------------------- */

  /** Append an element to a parent: attributes by name, functions among them as listeners ("onclick"); a text. */
  function make(parent, tag, attributes = {}, text = null) {
    return appended(document.createElement(tag), parent, attributes, text);
  }

  /** The same inside an <svg>. */
  function draw(parent, tag, attributes = {}, text = null) {
    return appended(document.createElementNS("http://www.w3.org/2000/svg", tag), parent, attributes, text);
  }

  function appended(element, parent, attributes, text) {
    for (const [name, value] of Object.entries(attributes)) {
      if (typeof value === "function") element.addEventListener(name.slice(2), value);
      else element.setAttribute(name, value);
    }
    if (text !== null) element.textContent = text;
    parent.append(element);
    return element;
  }

  let count = 0;

  /** A name that no other element of the page has. */
  function identity() {
    count += 1;
    return `alive-${count}`;
  }

  /* ---- pictures ------------------------------------------------------------------------------------------------- */

  /** A canvas of width x height pixels, with a name for who cannot see it. */
  function canvas(parent, name, width, height, look = "") {
    return make(parent, "canvas", { width, height, role: "img", "aria-label": name, class: look });
  }

  /** The same under a caption, which is its name. */
  function picture(parent, caption, width, height) {
    const figure = make(parent, "figure", { class: "alive-picture" });
    const made = canvas(figure, caption, width, height);
    make(figure, "figcaption", {}, caption);
    return made;
  }

  /** Paint an image {channels: 1 or 3, height, width, values from 0 to 1} on a canvas, from (x, y) on. */
  function paint(canvas, image, x = 0, y = 0) {
    const { channels, height, width, values } = image;
    const pixels = new ImageData(width, height);
    const size = height * width;
    for (let i = 0; i < size; i++) {
      for (let c = 0; c < 3; c++) pixels.data[4 * i + c] = 255 * values[(channels === 3 ? c : 0) * size + i] + 0.5;
      pixels.data[4 * i + 3] = 255;
    }
    canvas.getContext("2d").putImageData(pixels, x, y);
  }

  /** A row for tiles, and its name. */
  function tiles(parent, name) {
    return make(parent, "div", { class: "alive-tiles", role: "group", "aria-label": name });
  }

  /** A button with an image on it, and its name. */
  function tile(row, name, image, press) {
    const made = make(row, "button", { type: "button", "aria-label": name, onclick: press });
    paint(make(made, "canvas", { width: image.width, height: image.height }), image);
  }

  /** Colours of classes 0 to 9, which light and dark paper both bear. */
  const COLOURS = [
    "#4c78a8",
    "#f58518",
    "#54a24b",
    "#e45756",
    "#72b7b2",
    "#b8922a",
    "#b279a2",
    "#ff8fa3",
    "#9d755d",
    "#8a8a8a",
  ];

  /** Write a number in about four digits, with a true minus. */
  function format(value) {
    if (Number.isNaN(value)) return "not a number";
    if (!Number.isFinite(value)) return value < 0 ? "−∞" : "∞";
    const size = Math.abs(value);
    const far = size >= 1e5 || (size > 0 && size < 1e-3);
    const text = far ? value.toExponential(2) : String(Number(value.toPrecision(4)));
    return text.replaceAll("-", "−");
  }

  /** A number from N(0, 1), by Box and Muller. */
  function normal() {
    return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
  }

  return {
    ...{ register, array, at, imageAt, make, draw, identity },
    ...{ canvas, picture, paint, tiles, tile, COLOURS, format, normal },
  };
})();
