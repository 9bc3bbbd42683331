/* The deforming autoencoder: the texture of one image under the deformation of another, and the grid that bends it.

   A pixel p of the image is looked up in the texture at W(p). The grid over the texture shows these places. It can be
   straightened, and the image can be pulled with the pointer or arrow keys: its pixels are then looked up elsewhere. */
"use strict";

alive.register("deforming", function (element, data) {
  const LINES = 17; // of the grid, each way
  const ZOOM = 6; // pixels of the board for a pixel of the texture, at 64 of them
  const HOLD = 0.28; // reach of a pull, in half sides
  const { make } = alive;
  let set,
    amount = 1,
    chosen,
    grip,
    pull;

  const bar = make(element, "div", { class: "alive-row" });
  if (data.sets.length > 1) {
    const names = data.sets.map((each, i) => [i, each.title]);
    alive.choice(bar, "images", names, 0, open);
  }
  const choices = make(element, "div", { class: "alive-pair" });
  const boards = make(element, "div", { class: "alive-pair" });
  const texture = alive.picture(boards, "the texture, and where it is looked up", 64 * ZOOM, 64 * ZOOM);
  const result = alive.picture(boards, "the texture, deformed: pull at it", 64, 64);
  const say = alive.readout(element);
  const controls = make(element, "div", { class: "alive-row" });
  const slider = alive.slider(
    controls,
    "deformation",
    { min: 0, max: 1, step: 0.02, value: 1, show: percent },
    (value) => {
      amount = value;
      show();
    },
  );
  alive.button(controls, "let go", release);
  result.setAttribute("role", "application");
  result.setAttribute("aria-label", "the deformed texture; arrow keys pull at its middle");
  alive.steer(result, {
    point: (x, y, event) => {
      if (event.type === "pointerdown") grip = [2 * x - 1, 2 * y - 1];
      if (event.buttons) pullTo(2 * x - 1 - grip[0], 2 * y - 1 - grip[1]);
    },
    key: (dx, dy) => pullTo(pull[0] + dx / 20, pull[1] + dy / 20),
  });
  open(0);

  function percent(value) {
    return `${Math.round(value * 100)} %`;
  }

  /* ---- choices -------------------------------------------------------------------------------------------------- */

  /** Take a set of images. */
  function open(index) {
    const [images, textures, warps] = ["images", "textures", "warps"].map((name) =>
      alive.array(data.sets[index][name]),
    );
    set = { images, textures, warps, size: images.shape[2] };
    chosen = { texture: 0, warp: 1 % images.shape[0] };
    choices.replaceChildren();
    for (const [part, legend] of [
      ["texture", "texture of"],
      ["warp", "deformation of"],
    ])
      tiles(part, legend);
    Object.assign(result, { width: set.size, height: set.size });
    release();
  }

  /** A row of images of which one lends its texture, or its warp. */
  function tiles(part, legend) {
    const box = make(choices, "fieldset", { class: "alive-images" });
    make(box, "legend", {}, legend);
    const group = alive.identity();
    for (let i = 0; i < set.images.shape[0]; i++) {
      const label = make(box, "label");
      const input = make(label, "input", { type: "radio", name: group, "aria-label": `image ${i + 1}` });
      input.checked = chosen[part] === i;
      input.addEventListener("change", () => {
        chosen[part] = i;
        release();
      });
      alive.paint(make(label, "canvas", { width: set.size, height: set.size }), alive.imageAt(set.images, i));
    }
  }

  function release() {
    [grip, pull] = [
      [0, 0],
      [0, 0],
    ];
    show();
  }

  function pullTo(x, y) {
    pull = [x, y].map((each) => Math.min(0.5, Math.max(-0.5, each)));
    show();
  }

  /* ---- the warp ------------------------------------------------------------------------------------------------- */

  /** Where the image's place (x, y), from -1 to 1, is looked up: the warp, straightened as far as asked for. */
  function lookedUp(x, y) {
    const near = Math.exp(-((x - grip[0] - pull[0]) ** 2 + (y - grip[1] - pull[1]) ** 2) / (2 * HOLD ** 2));
    const [u, v] = [x - pull[0] * near, y - pull[1] * near];
    const there = bilinear(alive.at(set.warps, chosen.warp), u, v);
    return [u, v].map((straight, k) => (1 - amount) * straight + amount * there[k]);
  }

  /** The warp (size, size, 2) between its pixels. */
  function bilinear(warp, x, y) {
    const last = set.size - 1;
    const [column, row] = [x, y].map((each) => Math.min(last, Math.max(0, ((each + 1) / 2) * last)));
    const [left, top] = [column, row].map((each) => Math.min(last - 1, Math.floor(each)));
    const [a, b] = [column - left, row - top];
    const at = (dx, dy, k) => warp[2 * ((top + dy) * set.size + left + dx) + k];
    const along = (dy, k) => (1 - a) * at(0, dy, k) + a * at(1, dy, k);
    return [0, 1].map((k) => (1 - b) * along(0, k) + b * along(1, k));
  }

  function show() {
    const { size } = set;
    const image = alive.imageAt(set.textures, chosen.texture);
    const warp = new Float32Array(2 * size * size);
    for (let i = 0; i < size * size; i++) {
      const place = [i % size, Math.floor(i / size)].map((each) => (2 * each) / (size - 1) - 1);
      warp.set(lookedUp(...place), 2 * i);
    }
    alive.paint(result, alive.layers.lookUp(image, warp, size, size));
    drawGrid(image);
    const pulled = pull.some((each) => each) ? ", and pulled" : "";
    const bent = `${percent(slider.value)} of the deformation of image ${chosen.warp + 1}`;
    say(`Texture of image ${chosen.texture + 1}, ${bent}${pulled}.`);
  }

  /** The texture, and over it where the lines of a square grid over the image are looked up. */
  function drawGrid(image) {
    const pen = texture.getContext("2d");
    const small = new OffscreenCanvas(set.size, set.size);
    alive.paint(small, image);
    pen.drawImage(small, 0, 0, texture.width, texture.height);
    pen.strokeStyle = "#ff9d3cc0";
    pen.lineWidth = 1.5;
    const ticks = Array.from({ length: LINES }, (_, i) => (2 * i) / (LINES - 1) - 1);
    const fine = Array.from({ length: 4 * LINES }, (_, i) => (2 * i) / (4 * LINES - 1) - 1);
    for (const tick of ticks) {
      drawLine(
        pen,
        fine.map((each) => lookedUp(tick, each)),
      );
      drawLine(
        pen,
        fine.map((each) => lookedUp(each, tick)),
      );
    }
  }

  function drawLine(pen, places) {
    pen.beginPath();
    for (const [x, y] of places) pen.lineTo(((x + 1) / 2) * texture.width, ((y + 1) / 2) * texture.height);
    pen.stroke();
  }
});
