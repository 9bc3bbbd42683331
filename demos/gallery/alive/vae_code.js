/* A code of five numbers: each has a slider; codes are drawn from N(0, I); and a line leads from any code to another. */
"use strict";

alive.register("vae_code", function (element, data) {
  const DRAWN = 10; // codes drawn at a time
  const STEPS = 11; // digits on the line
  const GLANCE = [-2.4, -1.6, -0.8, 0, 0.8, 1.6, 2.4]; // values of a number that its strip shows
  const { make } = alive;
  const decode = alive.layers.network(data.network);
  let from = [...data.codes[0]]; // the line's ends
  let to = [...data.codes.at(-1)];
  let code = [...from];

  const top = make(element, "div", { class: "alive-split" });
  const left = make(top, "div", { class: "alive-decoded" });
  const digit = make(left, "canvas", { width: 28, height: 28, role: "img", "aria-label": "the decoded digit" });
  const say = alive.readout(left);
  const right = make(top, "div", { class: "alive-sliders" });
  const sliders = code.map((_, i) => sliderOf(i));
  const line = make(element, "canvas", { class: "alive-strip", width: 28 * STEPS, height: 28, role: "img", "aria-label": "digits on the line between two codes" });
  const player = alive.player(element, "interpolate", 120, (k) => travel(k / 20));
  player.limit(20);
  make(element, "p", { class: "alive-key" }, "Press a digit to walk to its code. Codes of test digits:");
  const typical = make(element, "div", { class: "alive-tiles", role: "group", "aria-label": "codes of test digits" });
  data.codes.forEach((each, i) => tile(typical, each, `go to the code of a ${data.digits[i]}`));
  make(element, "p", { class: "alive-key" }, "Codes that are nothing but noise:");
  const drawn = make(element, "div", { class: "alive-tiles", role: "group", "aria-label": "digits decoded from noise" });
  const bar = make(element, "div", { class: "alive-row" });
  alive.button(bar, "draw from N(0, I)", sample);
  alive.button(bar, "all numbers 0", () => go(code.map(() => 0)));
  sample();
  aim(from, to);
  player.set(0);

  /* ---- the code --------------------------------------------------------------------------------------------------- */

  /** A slider of one number, under a strip of what it would do to the digit. */
  function sliderOf(i) {
    const box = make(right, "div", { class: "alive-glance" });
    const strip = make(box, "canvas", { class: "alive-strip", width: 28 * GLANCE.length, height: 28, role: "img", "aria-label": `what number ${i + 1} does` });
    const slider = alive.slider(box, `number ${i + 1}`, { min: -3, max: 3, step: 0.05, value: code[i] }, (value) => {
      player.stop();
      show(code.map((each, k) => (k === i ? value : each)));
      aim(code, to);
      player.rest(0);
    });
    return { strip, slider };
  }

  function show(next) {
    code = next;
    alive.paint(digit, decode(code));
    say(`code ${code.map((value) => alive.format(Math.round(value * 100) / 100)).join(", ")}`);
    sliders.forEach(({ strip, slider }, i) => {
      slider.set(code[i]);
      GLANCE.forEach((value, k) => alive.paint(strip, decode(code.map((each, j) => (j === i ? value : each))), 28 * k, 0));
    });
  }

  /* ---- lines and samples ------------------------------------------------------------------------------------------- */

  /** Make the line between two codes. */
  function aim(a, b) {
    [from, to] = [[...a], [...b]];
    for (let k = 0; k < STEPS; k++) alive.paint(line, decode(between(k / (STEPS - 1))), 28 * k, 0);
  }

  function between(t) {
    return from.map((value, i) => (1 - t) * value + t * to[i]);
  }

  function travel(t) {
    show(between(t));
  }

  /** Walk from the code that is shown to another. */
  function go(target) {
    aim(code, target);
    player.play();
  }

  function tile(box, target, name) {
    const button = make(box, "button", { type: "button", "aria-label": name, onclick: () => go(target) });
    alive.paint(make(button, "canvas", { width: 28, height: 28 }), decode(target));
  }

  function sample() {
    drawn.replaceChildren();
    for (let i = 0; i < DRAWN; i++) tile(drawn, data.codes[0].map(alive.normal), `go to drawn digit ${i + 1}`);
  }
});
