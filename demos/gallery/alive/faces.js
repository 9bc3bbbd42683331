/* Faces: attributes have sliders, each of which adds its direction to the code of a face. */
"use strict";

alive.register("faces", function (element, data) {
  const REACH = 3; // standard deviations of an attribute
  const { make } = alive;
  const decode = alive.layers.network(data.network);
  const size = data.network.find((layer) => layer.layer === "reshape").shape[1] * 16;
  let start = data.codes[0];

  const top = make(element, "div", { class: "alive-split" });
  const left = make(top, "div", { class: "alive-decoded alive-face" });
  const face = make(left, "canvas", { width: size, height: size, role: "img", "aria-label": "the decoded face" });
  const say = alive.readout(left);
  const right = make(top, "div", { class: "alive-sliders" });
  const sliders = data.names.map((name) => {
    return alive.slider(right, name.replaceAll("_", " "), { min: -REACH, max: REACH, step: 0.1, value: 0, show: signed }, () => show());
  });
  const bar = make(right, "div", { class: "alive-row" });
  alive.button(bar, "as it was", () => from(start));
  alive.button(bar, "draw a face from N(0, I)", () => from(start.map(alive.normal)));
  make(element, "p", { class: "alive-key" }, "Start from a face that training never saw:");
  const tiles = make(element, "div", { class: "alive-tiles alive-faces", role: "group", "aria-label": "faces to start from" });
  data.codes.forEach((code, i) => {
    const button = make(tiles, "button", { type: "button", "aria-label": `start from face ${i + 1}`, onclick: () => from(code) });
    alive.paint(make(button, "canvas", { width: size, height: size }), decode(code));
  });
  show();

  function signed(value) {
    return `${value > 0 ? "+" : ""}${alive.format(value)} σ`;
  }

  function from(code) {
    start = code;
    sliders.forEach((slider) => slider.set(0));
    show();
  }

  function show() {
    const moved = start.map((value, i) => value + sliders.reduce((sum, slider, a) => sum + slider.value * data.moves[a][i], 0));
    alive.paint(face, decode(moved));
    const changes = sliders.map((slider, a) => [slider.value, data.names[a]]).filter(([value]) => value);
    say(changes.length ? changes.map(([value, name]) => `${name} ${signed(value)}`).join(", ") : "the face as its code has it");
  }
});
