/* What the widgets share: their register, the arrays they are given, and the controls they are made of.

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

  /* ---- arrays ------------------------------------------------------------------------------------------------ */

  const TYPES = { f4: Float32Array, i2: Int16Array, u1: Uint8Array };

  /** Unpack {type, shape, data, scale}, data in base64 -> {shape, values}: numbers of the type, or these times scale.

      scale is an array too, with one number for each row, that is for each index of the first axis. */
  function array(packed) {
    const bytes = Uint8Array.from(atob(packed.data), (letter) => letter.charCodeAt(0));
    const raw = new TYPES[packed.type](bytes.buffer);
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

  /* ---- elements ---------------------------------------------------------------------------------------------- */

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

  /* ---- controls ---------------------------------------------------------------------------------------------- */

  /** A slider with its label and its value: options min, max, step, value, show (number -> text) -> {value, set}. */
  function slider(parent, label, options, change) {
    const { min, max, step, value, show = format } = options;
    const box = make(parent, "label", { class: "alive-slider" });
    make(box, "span", {}, label);
    const input = make(box, "input", { type: "range", min, max, step, value });
    const shown = make(box, "output");
    function tell() {
      shown.textContent = show(Number(input.value));
      input.setAttribute("aria-valuetext", shown.textContent);
    }
    input.addEventListener("input", () => {
      tell();
      change(Number(input.value));
    });
    tell();
    return {
      input,
      get value() {
        return Number(input.value);
      },
      set(next) {
        input.value = next;
        tell();
      },
      limit(low, high) {
        Object.assign(input, { min: low, max: high });
        tell();
      },
    };
  }

  /** A slider over the steps 0 .. last that can also play them, `pause` milliseconds each ->
      {value, set, limit, play, stop, rest}. */
  function player(parent, label, pause, change) {
    const box = make(parent, "div", { class: "alive-row" });
    const play = button(box, "play", () => (timer ? stop() : begin()));
    let last = 0;
    let timer = null;
    const show = (k) => `${k + 1} of ${last + 1}`;
    const steps = slider(box, label, { min: 0, max: 0, step: 1, value: 0, show }, (k) => {
      stop();
      change(k);
    });

    function set(k) {
      steps.set(k);
      change(k);
    }

    function begin() {
      if (steps.value >= last) set(0);
      play.textContent = "pause";
      timer = setInterval(() => (steps.value < last ? set(steps.value + 1) : stop()), pause);
    }

    function stop() {
      clearInterval(timer);
      timer = null;
      play.textContent = "play";
    }

    return {
      get value() {
        return steps.value;
      },
      set,
      stop,
      /** Play from the first step. */
      play() {
        stop();
        set(0);
        begin();
      },
      /** Show a step on the slider without going there. */
      rest: steps.set,
      limit(most) {
        last = most;
        steps.limit(0, most);
      },
    };
  }

  /** A row of choices of which one holds: options are [value, text] -> {value, set}. */
  function choice(parent, label, options, value, change) {
    const box = make(parent, "fieldset", { class: "alive-choice" });
    make(box, "legend", {}, label);
    const group = identity();
    const inputs = options.map(([each, text]) => {
      const line = make(box, "label");
      const input = make(line, "input", { type: "radio", name: group, value: each });
      input.checked = each === value;
      make(line, "span", {}, text);
      input.addEventListener("change", () => change(each));
      return input;
    });
    return {
      get value() {
        return options[inputs.findIndex((input) => input.checked)][0];
      },
      set(next) {
        options.forEach(([each], i) => (inputs[i].checked = each === next));
      },
    };
  }

  /** A list of options [value, text] of which one is selected -> {value}. */
  function select(parent, label, options, value, change) {
    const box = make(parent, "label", { class: "alive-select" });
    make(box, "span", {}, label);
    const list = make(box, "select", { onchange: () => change(options[list.selectedIndex][0]) });
    for (const [each, text] of options) make(list, "option", {}, text).selected = each === value;
    return {
      get value() {
        return options[list.selectedIndex][0];
      },
    };
  }

  function button(parent, text, press) {
    return make(parent, "button", { type: "button", onclick: press }, text);
  }

  /** A line in words of what is to be seen, which screen readers read out when it changes -> the function that sets it. */
  function readout(parent) {
    const line = make(parent, "p", { class: "alive-readout", role: "status", "aria-live": "polite" });
    return (text) => {
      if (line.textContent !== text) line.textContent = text;
    };
  }

  /** Let an element be steered: point(x, y, event), from 0 to 1, where the pointer moves or presses, y growing downwards;
      key(dx, dy) for arrow keys, one step each, or five with Shift. */
  function steer(element, { point, key }) {
    const within = (value) => Math.min(1, Math.max(0, value));
    element.setAttribute("tabindex", 0);
    element.classList.add("alive-steered");
    element.addEventListener("pointerdown", (event) => element.setPointerCapture(event.pointerId));
    for (const name of ["pointerdown", "pointermove"]) {
      element.addEventListener(name, (event) => {
        const box = element.getBoundingClientRect();
        point(within((event.clientX - box.left) / box.width), within((event.clientY - box.top) / box.height), event);
      });
    }
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    element.addEventListener("keydown", (event) => {
      if (!Object.hasOwn(ways, event.key)) return;
      event.preventDefault();
      const far = event.shiftKey ? 5 : 1;
      key(...ways[event.key].map((way) => way * far));
    });
  }

  /* ---- pictures ---------------------------------------------------------------------------------------------- */

  /** A picture of width x height pixels under a caption -> its canvas. */
  function picture(parent, caption, width, height) {
    const figure = make(parent, "figure", { class: "alive-picture" });
    const canvas = make(figure, "canvas", { width, height, role: "img", "aria-label": caption });
    make(figure, "figcaption", {}, caption);
    return canvas;
  }

  /** Paint an image {channels: 1 or 3, height, width, values from 0 to 1} on a canvas, its left upper corner at (x, y). */
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

  /** Colours of classes 0 to 9, which light and dark paper both bear. */
  const COLOURS = [
    "#4c78a8", "#f58518", "#54a24b", "#e45756", "#72b7b2", "#b8922a", "#b279a2", "#ff8fa3", "#9d755d", "#8a8a8a",
  ];

  /** Write a number in about four digits, with a true minus. */
  function format(value) {
    if (Number.isNaN(value)) return "not a number";
    if (!Number.isFinite(value)) return value < 0 ? "−∞" : "∞";
    const size = Math.abs(value);
    const text = size >= 1e5 || (size > 0 && size < 1e-3) ? value.toExponential(2) : String(Number(value.toPrecision(4)));
    return text.replaceAll("-", "−");
  }

  /** A number from N(0, 1), by Box and Muller. */
  function normal() {
    return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
  }

  return {
    ...{ register, array, at, imageAt, make, draw, identity, slider, player, choice, select, button, readout, steer, picture, paint },
    ...{ COLOURS, format, normal },
  };
})();
