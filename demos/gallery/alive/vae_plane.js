/* The plane of codes: a digit is decoded wherever the pointer is, by an autoencoder and by a VAE side by side.

   Numerals stand where test images have their codes. Between them the autoencoder has holes, where it draws nothing
   that is a digit; a walk from class to class leads through them. A circle shows N(0, I), from which new codes are
   drawn: the VAE's codes fill it, and the autoencoder's, on a scale of their own, know nothing of it. */
"use strict";

alive.register("vae_plane", function (element, data) {
  const SIZE = 600; // pixels of a plane, which the page shows at half the size or more
  const TILES = 18; // decoded digits in a row, where a plane is filled with them
  const STEPS = 9; // digits of a walk
  const WAY = 33; // steps of its player
  const NOTE =
    "Numerals are codes of test digits. The circle holds 86 % of N(0, I), from which new digits are drawn: " +
    "the VAE has filled it, the autoencoder knows nothing of it.";
  const HOLE = 8; // times the usual distance of neighbours, from which on a place is a hole
  const { make } = alive;
  const labels = alive.array(data.labels).values;
  const count = labels.length;
  let shown = "codes";

  const bar = make(element, "div", { class: "alive-row" });
  const views = [
    ["codes", "codes of test digits"],
    ["digits", "what is decoded everywhere"],
  ];
  alive.choice(bar, "show", views, shown, (value) => {
    shown = value;
    planes.forEach((plane) => plane.draw());
  });
  const boxes = make(element, "div", { class: "alive-pair" });
  const planes = data.planes.map((each) => planeOf(each, make(boxes, "div", { class: "alive-plane" })));
  make(element, "p", { class: "alive-key" }, NOTE);
  const walk = make(element, "div", { class: "alive-row" });
  const classes = [...new Set(labels)].sort((a, b) => a - b);
  const ends = [
    ["walk from a", 7],
    ["to a", 3],
  ].map(([text, first]) => {
    return alive.select(
      walk,
      text,
      classes.map((c) => [c, String(c)]),
      first,
      stroll,
    );
  });
  const player = alive.player(element, "walk", 250, (k) => planes.forEach((plane) => plane.onTheWay(k / (WAY - 1))));
  stroll();
  moveTo(0.5, 0.5);

  /** Draw the digits of the way between two classes, and let the player go it. */
  function stroll() {
    player.limit(WAY - 1);
    player.stop();
    planes.forEach((plane) => plane.walk(...ends.map((end) => end.value)));
  }

  function moveTo(x, y) {
    planes.forEach((plane) => plane.moveTo(x, y));
  }

  /* ---- one plane ------------------------------------------------------------------------------------------------ */

  /** Fill a box with the plane of one network -> {draw, moveTo, walk, onTheWay}. */
  function planeOf({ title, network, codes: packed, box: [low, high], near }, box) {
    const decode = alive.layers.network(network);
    const codes = alive.array(packed).values;
    let place = [0.5, 0.5]; // shares of the plane, y downwards
    let ends = null; // places of the ends of the walk
    let tiles = null;

    make(box, "p", { class: "alive-heading" }, title);
    const canvas = alive.canvas(box, `${title}: plane of codes; arrow keys move the point`, SIZE, SIZE);
    canvas.setAttribute("role", "application");
    const pen = canvas.getContext("2d");
    const row = make(box, "div", { class: "alive-decoded" });
    const digit = alive.canvas(row, `the digit decoded by the ${title}`, 28, 28);
    const say = alive.readout(row);
    const strip = alive.canvas(box, `the walk of the ${title}`, 28 * STEPS, 28, "alive-strip");
    alive.steer(canvas, { point: moveAll, key: (dx, dy) => moveAll(place[0] + dx / 60, place[1] + dy / 60) });

    function moveAll(x, y) {
      player.stop();
      moveTo(Math.min(1, Math.max(0, x)), Math.min(1, Math.max(0, y)));
    }

    /** The code at a place, and the place of a code. */
    function codeAt([x, y]) {
      return [low[0] + x * (high[0] - low[0]), high[1] - y * (high[1] - low[1])];
    }

    function placeOf(a, b) {
      return [(a - low[0]) / (high[0] - low[0]), (high[1] - b) / (high[1] - low[1])];
    }

    function show() {
      const code = codeAt(place);
      alive.paint(digit, decode(code));
      say(sentence(code));
      draw();
    }

    /** Name the code and its nearest neighbour; a place far from all codes is a hole. */
    function sentence([a, b]) {
      let [best, nearest] = [Infinity, 0];
      for (let i = 0; i < count; i++) {
        const distance = Math.hypot(codes[2 * i] - a, codes[2 * i + 1] - b);
        if (distance < best) [best, nearest] = [distance, i];
      }
      const code = `code ${alive.format(a)}, ${alive.format(b)}`;
      const times = Math.round(best / near);
      if (times < HOLE) return `${code}: near a ${labels[nearest]}`;
      return `${code}: a hole; the nearest code, a ${labels[nearest]}, is ${times} times as far as neighbours are`;
    }

    function draw() {
      pen.fillStyle = "#101216";
      pen.fillRect(0, 0, SIZE, SIZE);
      if (shown === "digits") pen.drawImage(filled(), 0, 0, SIZE, SIZE);
      drawCodes(shown === "digits");
      drawNormal();
      drawWay();
      const [x, y] = place.map((each) => each * SIZE);
      pen.strokeStyle = "#ffffff";
      pen.lineWidth = 3;
      pen.beginPath();
      pen.arc(x, y, 13, 0, 2 * Math.PI);
      pen.stroke();
    }

    /** The codes as numerals, or as dots over something else. */
    function drawCodes(dots) {
      pen.font = "bold 17px system-ui, sans-serif";
      pen.textAlign = "center";
      pen.textBaseline = "middle";
      for (let i = 0; i < count; i++) {
        const [x, y] = placeOf(codes[2 * i], codes[2 * i + 1]);
        pen.fillStyle = alive.COLOURS[labels[i] % 10];
        if (dots) pen.fillRect(x * SIZE - 2, y * SIZE - 2, 4, 4);
        else pen.fillText(labels[i], x * SIZE, y * SIZE);
      }
    }

    /** The circle of two standard deviations, which holds 86 % of N(0, I): what one decodes to draw new digits. */
    function drawNormal() {
      const [x, y] = placeOf(0, 0);
      const [across, down] = [0, 1].map((k) => (2 * SIZE) / (high[k] - low[k]));
      pen.strokeStyle = pen.fillStyle = "#ffffff";
      pen.lineWidth = 2;
      pen.beginPath();
      pen.ellipse(x * SIZE, y * SIZE, across, down, 0, 0, 2 * Math.PI);
      pen.stroke();
      pen.font = "17px system-ui, sans-serif";
      pen.textAlign = "center";
      pen.fillText("N(0, I)", x * SIZE, Math.max(14, y * SIZE - down - 12));
    }

    function drawWay() {
      if (!ends) return;
      pen.strokeStyle = "#ffffffb0";
      pen.lineWidth = 2;
      pen.setLineDash([8, 6]);
      pen.beginPath();
      ends.forEach(([x, y]) => pen.lineTo(x * SIZE, y * SIZE));
      pen.stroke();
      pen.setLineDash([]);
    }

    /** The plane full of decoded digits, made when it is first asked for. */
    function filled() {
      if (!tiles) {
        tiles = new OffscreenCanvas(28 * TILES, 28 * TILES);
        for (let i = 0; i < TILES ** 2; i++) {
          const [column, line] = [i % TILES, Math.floor(i / TILES)];
          alive.paint(tiles, decode(codeAt([(column + 0.5) / TILES, (line + 0.5) / TILES])), 28 * column, 28 * line);
        }
      }
      return tiles;
    }

    /** The code of a class that has its own kind nearest: the tenth of them, or the last of fewer. */
    function middle(label) {
      const own = [...labels.keys()].filter((i) => labels[i] === label);
      const code = (i) => [codes[2 * i], codes[2 * i + 1]];
      const crowd = own.map((i) => {
        const distances = own.map((j) => Math.hypot(codes[2 * i] - codes[2 * j], codes[2 * i + 1] - codes[2 * j + 1]));
        return distances.sort((a, b) => a - b)[Math.min(10, own.length - 1)];
      });
      return code(own[crowd.indexOf(Math.min(...crowd))]);
    }

    function between(t) {
      return [0, 1].map((k) => (1 - t) * ends[0][k] + t * ends[1][k]);
    }

    return {
      draw,
      moveTo(x, y) {
        place = [x, y];
        show();
      },
      walk(a, b) {
        ends = [middle(a), middle(b)].map((code) => placeOf(...code));
        for (let k = 0; k < STEPS; k++) alive.paint(strip, decode(codeAt(between(k / (STEPS - 1)))), 28 * k, 0);
        draw();
      },
      onTheWay(t) {
        place = between(t);
        show();
      },
    };
  }
});
