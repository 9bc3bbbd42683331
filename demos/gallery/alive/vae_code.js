/* A code of five numbers: each has a slider, codes are drawn from N(0, I), and a line leads from any to another. */
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
  const digit = alive.canvas(left, "the decoded digit", 28, 28);
  const say = alive.readout(left);
  const right = make(top, "div", { class: "alive-sliders" });
  const sliders = code.map((_, i) => sliderOf(i));
  const line = alive.canvas(element, "digits on the line between two codes", 28 * STEPS, 28, "alive-strip");
  const player = alive.player(element, "interpolate", 120, (k) => travel(k / 20));
  player.limit(20);
  make(element, "p", { class: "alive-key" }, "Press a digit to walk to its code. Codes of test digits:");
  const typical = alive.tiles(element, "codes of test digits");
  data.codes.forEach((each, i) => offer(typical, each, `go to the code of a ${data.digits[i]}`));
  make(element, "p", { class: "alive-key" }, "Codes that are nothing but noise:");
  const drawn = alive.tiles(element, "digits decoded from noise");
  const bar = make(element, "div", { class: "alive-row" });
  alive.button(bar, "draw from N(0, I)", sample);
  alive.button(bar, "all numbers 0", () => go(code.map(() => 0)));
  sample();
  aim(from, to);
  player.set(0);

  /* ---- the code ------------------------------------------------------------------------------------------------- */

  /** A slider of one number, under a strip of what it would do to the digit. */
  function sliderOf(i) {
    const box = make(right, "div", { class: "alive-glance" });
    const strip = alive.canvas(box, `what number ${i + 1} does`, 28 * GLANCE.length, 28, "alive-strip");
    const slider = alive.slider(box, `number ${i + 1}`, { min: -3, max: 3, step: 0.05, value: code[i] }, (value) => {
      player.stop();
      show(code.with(i, value));
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
      GLANCE.forEach((value, k) => alive.paint(strip, decode(code.with(i, value)), 28 * k, 0));
    });
  }

  /* ---- lines and samples ---------------------------------------------------------------------------------------- */

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

  function offer(row, target, name) {
    alive.tile(row, name, decode(target), () => go(target));
  }

  function sample() {
    drawn.replaceChildren();
    for (let i = 0; i < DRAWN; i++) offer(drawn, data.codes[0].map(alive.normal), `go to drawn digit ${i + 1}`);
  }
});
