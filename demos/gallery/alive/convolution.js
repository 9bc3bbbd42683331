/* Convolution as the slide shows it: a window moves over the input, and a row of the matrix C lights up.

   Beside it the transposed convolution: the same row, read as a column of the transposed matrix, says where a number
   is spread. A place of the kernel has the same colour in the window, in C and in the transposed matrix. */
"use strict";

alive.register("convolution", function (element) {
  const CELL = 34;
  const SIDE = 24; // pixels of the map of the checkerboard, more or less
  /* The numbers of the slide, a 4 x 4 image and a 3 x 3 kernel, and more around them for larger ones. */
  const IMAGE = ["3321021", "0013102", "3122031", "2002113", "1230201", "0121302", "2013120"].map(digits);
  const KERNEL = ["0121", "2200", "0121", "1012"].map(digits);
  const REMEDIES =
    "Remedies: a kernel whose side is a multiple of the stride, or nearest neighbours and an ordinary convolution.";
  const { make, draw } = alive;

  function digits(text) {
    return [...text].map(Number);
  }

  /* ---- controls ------------------------------------------------------------------------------------------------- */

  const SIZES = { input: [4, 5, 6, 7], kernel: [1, 2, 3, 4], stride: [1, 2, 3], padding: [0, 1, 2], dilation: [1, 2] };
  const shape = { input: 4, kernel: 3, stride: 1, padding: 0, dilation: 1 };
  const bar = make(element, "div", { class: "alive-row" });
  for (const [name, options] of Object.entries(SIZES)) {
    const texts = options.map((value) => [value, String(value)]);
    alive.choice(bar, name, texts, shape[name], (value) => {
      shape[name] = value;
      redraw();
    });
  }
  const place = alive.player(element, "window", 700, show);
  const problem = make(element, "p", { class: "alive-error", role: "alert" });
  const say = alive.readout(element);
  const gathering = make(element, "div", { class: "alive-boards" });
  const spreading = make(element, "div", { class: "alive-boards" });
  const overlap = make(spreading, "div", { class: "alive-overlap" });
  let map, grids;
  redraw();

  /* ---- the map from windows to places --------------------------------------------------------------------------- */

  /** Which weight meets which place of the input in each window -> {out, count, windows: [[{weight, place, at}]]}.

      place: the number of the input's place, or null in the padding; at: row and column in the padded input. */
  function geometry({ input, kernel, stride, padding, dilation }) {
    const reach = dilation * (kernel - 1) + 1;
    const out = Math.floor((input + 2 * padding - reach) / stride) + 1;
    const windows = [];
    for (let o = 0; o < Math.max(0, out) ** 2; o++) {
      const corner = [Math.floor(o / out) * stride, (o % out) * stride];
      windows.push(
        Array.from({ length: kernel ** 2 }, (_, weight) => {
          const at = [corner[0] + dilation * Math.floor(weight / kernel), corner[1] + dilation * (weight % kernel)];
          const [i, j] = at.map((each) => each - padding);
          const inside = i >= 0 && j >= 0 && i < input && j < input;
          return { weight, at, place: inside ? i * input + j : null };
        }),
      );
    }
    return { out, reach, count: windows.length, windows };
  }

  function image(i) {
    return IMAGE[Math.floor(i / shape.input)][i % shape.input];
  }

  function weight(k) {
    return KERNEL[Math.floor(k / shape.kernel)][k % shape.kernel];
  }

  /** The numbers that the transposed convolution spreads: 1, 2, 3, 1, 2, .. */
  function small(o) {
    return (o % 3) + 1;
  }

  /** The colour of a place of the kernel, pale enough for dark digits on it. */
  function tint(k) {
    return `hsl(${(k * 360) / shape.kernel ** 2}, 70%, 80%)`;
  }

  /* ---- drawing -------------------------------------------------------------------------------------------------- */

  function redraw() {
    place.stop();
    const next = geometry(shape);
    const { input, padding, kernel } = shape;
    const fits = next.out >= 1;
    problem.textContent = fits
      ? ""
      : `A kernel that reaches over ${next.reach} places does not fit into ${input} + 2 × ${padding}.`;
    if (!fits) return;
    map = next;
    const padded = input + 2 * padding;
    gathering.replaceChildren();
    spreading.replaceChildren();
    grids = {
      kernel: grid(gathering, "kernel w", kernel, kernel),
      input: grid(gathering, "input I", padded, padded, true),
      output: grid(gathering, "output O = C I", map.out, map.out, true),
      matrix: grid(gathering, "C: a row for each window, a column for each input", map.count, input ** 2),
      small: grid(spreading, "numbers to spread, y", map.out, map.out, true),
      spread: grid(spreading, "Cᵀ y, summed up so far", padded, padded, true),
      transposed: grid(spreading, "Cᵀ: the rows of C as columns", input ** 2, map.count),
    };
    spreading.append(overlap);
    place.limit(map.count - 1);
    place.set(Math.min(place.value, map.count - 1));
    drawOverlap();
  }

  /** A board of cells under a caption -> set(row, column, {text, fill, look}). A steered one chooses windows. */
  function grid(board, caption, rows, columns, steered = false) {
    const small = columns > 16 || rows > 8;
    const cell = small ? CELL * 0.6 : CELL;
    const figure = make(board, "figure", { class: "alive-grid-board" });
    make(figure, "figcaption", {}, caption);
    const [width, height] = [columns * cell + 2, rows * cell + 2];
    const svg = draw(figure, "svg", { viewBox: `-1 -1 ${width} ${height}`, role: "img", "aria-label": caption });
    svg.style.width = `${width}px`;
    const cells = Array.from({ length: rows * columns }, (_, i) => {
      const [x, y] = [(i % columns) * cell, Math.floor(i / columns) * cell];
      const rect = draw(svg, "rect", { x, y, width: cell, height: cell, class: "alive-cell" });
      const text = draw(svg, "text", { x: x + cell / 2, y: y + cell / 2 + (small ? 4 : 5) });
      if (small) text.classList.add("alive-tiny");
      return { rect, text };
    });
    if (steered) steerable(svg, caption, columns);
    return (row, column, { text = "", fill = null, look: marks = "" }) => {
      const { rect, text: label } = cells[row * columns + column];
      label.textContent = text;
      label.classList.toggle("alive-dark", fill !== null);
      rect.setAttribute("class", `alive-cell ${marks}`);
      rect.style.fill = fill ?? "";
    };
  }

  /** Let the pointer and the arrow keys choose the window on a board: by its middle on the input's. */
  function steerable(svg, caption, columns) {
    const { out, reach } = map;
    const [step, middle] = columns === out ? [1, 0.5] : [shape.stride, reach / 2];
    const windowAt = (share) => Math.round((share * columns - middle) / step);
    svg.setAttribute("role", "application");
    svg.setAttribute("aria-label", `${caption}; arrow keys move the window`);
    alive.steer(svg, {
      point: (x, y) => choose(windowAt(x), windowAt(y)),
      key: (dx, dy) => choose((place.value % out) + dx, Math.floor(place.value / out) + dy),
    });
    function choose(...way) {
      const [column, row] = way.map((each) => Math.min(out - 1, Math.max(0, each)));
      place.stop();
      if (row * out + column !== place.value) place.set(row * out + column);
    }
  }

  /* ---- one window ----------------------------------------------------------------------------------------------- */

  /** Show window k: what it reads, its row of C, and what its number spreads. */
  function show(k) {
    const { input, padding, kernel } = shape;
    const taps = map.windows[k];
    const padded = input + 2 * padding;
    const at = new Map(taps.map((tap) => [tap.at[0] * padded + tap.at[1], tap]));
    const sums = spreadUpTo(k);
    for (let i = 0; i < padded ** 2; i++) {
      const [row, column] = [Math.floor(i / padded), i % padded];
      const [y, x] = [row - padding, column - padding];
      const inside = y >= 0 && x >= 0 && y < input && x < input;
      const fill = at.has(i) ? tint(at.get(i).weight) : null;
      const look = inside ? "" : "alive-padding";
      grids.input(row, column, { text: inside ? image(y * input + x) : 0, fill, look });
      grids.spread(row, column, { text: inside ? sums[y * input + x] : "", fill, look });
    }
    for (let o = 0; o < map.count; o++) {
      const [row, column] = [Math.floor(o / map.out), o % map.out];
      const look = o === k ? "alive-chosen" : "";
      grids.output(row, column, { text: o <= k ? value(o) : "", look });
      grids.small(row, column, { text: small(o), look });
      showRow(o, o === k);
    }
    for (let i = 0; i < kernel ** 2; i++) {
      grids.kernel(Math.floor(i / kernel), i % kernel, { text: weight(i), fill: tint(i) });
    }
    say(sentence(k));
  }

  /** Row o of C, and column o of its transpose; the chosen one is lit. */
  function showRow(o, chosen) {
    const places = new Map(map.windows[o].map((tap) => [tap.place, tap.weight]));
    for (let i = 0; i < shape.input ** 2; i++) {
      const covered = places.has(i);
      const cell = {
        text: covered ? weight(places.get(i)) : "",
        fill: covered && chosen ? tint(places.get(i)) : null,
        look: chosen ? "alive-lit" : covered ? "alive-covered" : "",
      };
      grids.matrix(o, i, cell);
      grids.transposed(i, o, cell);
    }
  }

  function value(o) {
    const inside = map.windows[o].filter((tap) => tap.place !== null);
    return inside.reduce((sum, tap) => sum + weight(tap.weight) * image(tap.place), 0);
  }

  /** What the transposed convolution has summed up once the numbers 0 .. k are spread: one for each place. */
  function spreadUpTo(k) {
    const sums = new Array(shape.input ** 2).fill(0);
    for (let o = 0; o <= k; o++) {
      for (const tap of map.windows[o]) if (tap.place !== null) sums[tap.place] += small(o) * weight(tap.weight);
    }
    return sums;
  }

  function sentence(k) {
    const terms = map.windows[k].filter((tap) => tap.place !== null && weight(tap.weight) > 0);
    const products = terms.map((tap) => `${weight(tap.weight)}·${image(tap.place)}`).join(" + ") || "0";
    const gathered = `Row ${k + 1} of C times the input: ${products} = ${value(k)}.`;
    return `${gathered} The transposed convolution adds ${small(k)} times the same weights at the same places.`;
  }

  /* ---- the checkerboard ----------------------------------------------------------------------------------------- */

  /** Draw how many windows of the transposed convolution cover each pixel of a larger picture, away from its border. */
  function drawOverlap() {
    const { kernel, stride, dilation } = shape;
    const numbers = Math.ceil(SIDE / stride);
    const line = new Array((numbers - 1) * stride + map.reach).fill(0);
    for (let o = 0; o < numbers; o++) {
      for (let tap = 0; tap < kernel; tap++) line[o * stride + tap * dilation] += 1;
    }
    // in the plane, a product of two such lines
    const inner = line.slice(map.reach, line.length - map.reach);
    const counts = inner.flatMap((a) => inner.map((b) => a * b));
    const most = Math.max(...counts, 1);
    const values = counts.map((count) => 0.15 + (0.75 * count) / most);
    overlap.replaceChildren();
    const canvas = alive.picture(overlap, "windows over each pixel", inner.length, inner.length);
    alive.paint(canvas, { channels: 1, height: inner.length, width: inner.length, values });
    const spread = dilation > 1 ? `, dilation ${dilation}` : "";
    make(
      overlap,
      "p",
      {},
      `Transposed, kernel ${kernel}, stride ${stride}${spread}: ${verdict(new Set(counts), stride)}`,
    );
  }

  /** Say how many windows cover a pixel, and what can be done if the numbers differ. */
  function verdict(kinds, stride) {
    const numbers = [...kinds].sort((a, b) => a - b);
    if (numbers.length > 1) {
      const counts = `${numbers.slice(0, -1).join(", ")} or ${numbers.at(-1)}`;
      return `pixels are covered by ${counts} windows: a checkerboard. ${REMEDIES}`;
    }
    const cover = `every pixel is covered by ${numbers[0]} window${numbers[0] === 1 ? "" : "s"}: no checkerboard.`;
    return stride === 1 ? `${cover} At a larger stride there can be one.` : cover;
  }
});
