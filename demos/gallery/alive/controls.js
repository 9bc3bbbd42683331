/* The controls of the widgets: each has its label, can be used by the keyboard alone, and says its value. */
"use strict";

Object.assign(
  alive,
  (function () {
    const { make, identity, format } = alive;

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

    /** A line in words of what is to be seen, which screen readers read out when it changes -> its setter. */
    function readout(parent) {
      const line = make(parent, "p", { class: "alive-readout", role: "status", "aria-live": "polite" });
      return (text) => {
        if (line.textContent !== text) line.textContent = text;
      };
    }

    /** Let an element be steered: point(x, y, event), from 0 to 1 and y growing downwards, where the pointer moves or
        presses; key(dx, dy) for arrow keys, one step each, or five with Shift. */
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

    return { slider, player, choice, select, button, readout, steer };
  })(),
);
