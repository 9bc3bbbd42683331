/* Faces: attributes have sliders, each of which adds its direction to the code of a face; faces are drawn from noise. */
"use strict";

alive.register("faces", function (element, data) {
  const REACH = 3; // standard deviations of an attribute
  const { make } = alive;
  const decode = alive.layers.network(data.network);
  const size = data.network.find((layer) => layer.layer === "reshape").shape[1] * 16;
  const means = alive.array(data.mixture.means);
  const factors = alive.array(data.mixture.factors);
  let start = data.codes[0];

  const top = make(element, "div", { class: "alive-split" });
  const left = make(top, "div", { class: "alive-decoded alive-face" });
  const face = alive.canvas(left, "the decoded face", size, size);
  const say = alive.readout(left);
  const right = make(top, "div", { class: "alive-sliders" });
  const range = { min: -REACH, max: REACH, step: 0.1, value: 0, show: signed };
  const sliders = data.names.map((name) => alive.slider(right, name, range, () => show()));
  const bar = make(right, "div", { class: "alive-row" });
  alive.button(bar, "as it was", () => from(start));
  alive.button(bar, "draw a face", () => from(drawn()));
  make(element, "p", { class: "alive-key" }, "Start from a face that training never saw:");
  const tiles = alive.tiles(element, "faces to start from");
  tiles.classList.add("alive-faces");
  data.codes.forEach((code, i) => alive.tile(tiles, `start from face ${i + 1}`, decode(code), () => from(code)));
  show();

  function signed(value) {
    return `${value > 0 ? "+" : ""}${alive.format(value)} σ`;
  }

  /** Draw a code from the mixture of Gaussians that was fitted to the codes of faces: mean + L e of one of them, where e
      is drawn from N(0, I) and L is the factor of its covariance, L L^T. */
  function drawn() {
    let rest = Math.random();
    const after = data.mixture.weights.findIndex((weight) => (rest -= weight) < 0);
    const which = Math.max(after, 0); // the weights may sum to a little less than 1
    const mean = [...alive.at(means, which)];
    const factor = alive.at(factors, which);
    const noise = mean.map(alive.normal);
    return mean.map((value, i) => noise.reduce((sum, e, j) => sum + factor[i * mean.length + j] * e, value));
  }

  function from(code) {
    start = code;
    sliders.forEach((slider) => slider.set(0));
    show();
  }

  function show() {
    const moves = sliders.map((slider, a) => data.moves[a].map((each) => slider.value * each));
    alive.paint(face, decode(start.map((value, i) => moves.reduce((sum, move) => sum + move[i], value))));
    const changed = data.names.filter((_, a) => sliders[a].value);
    const changes = changed.map((name) => `${name} ${signed(sliders[data.names.indexOf(name)].value)}`);
    say(changes.join(", ") || "the face as its code has it");
  }
});
