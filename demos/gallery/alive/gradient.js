/* The gradient: an expression as a graph, values flowing forward and gradients backward, one operation at a time. */
"use strict";

alive.register("gradient", function (element) {
  const EXAMPLES = [
    ...["x * y + sin(x)", "(y - tanh(w * x + b))^2", "sigmoid(w * x + b)"],
    ...["log(exp(a) + exp(b))", "relu(x) * relu(y - x)"],
  ];
  const START = [2, -1, 0.5, 1.5, -0.5, 1];
  const { parse, forward, backward, gradients, difference, describe, symbol, RULES, ExpressionError } =
    alive.expression;
  const { make, draw, format } = alive;

  /* ---- state: the expression's graph, its variables, the step that is shown ------------------------------------- */

  let graph, frames, picture;
  let given = new Map();

  const line = make(element, "div", { class: "alive-row" });
  const label = make(line, "label", { class: "alive-text" });
  make(label, "span", {}, "expression");
  const plain = { type: "text", spellcheck: "false", autocomplete: "off", maxlength: 200 };
  const text = make(label, "input", { ...plain, value: EXAMPLES[0] });
  const problem = make(element, "p", { class: "alive-error", role: "alert", id: alive.identity() });
  const examples = make(element, "div", { class: "alive-row alive-examples" });
  const board = make(element, "div", { class: "alive-board", tabindex: 0, role: "group", "aria-label": "graph" });
  const key = make(element, "p", { class: "alive-key" });
  make(key, "span", { class: "alive-forward" }, "values flow forward");
  make(key, "span", { class: "alive-backward" }, "∂: gradients of the result flow backward");
  const say = alive.readout(element);
  const step = alive.player(element, "step", 1100, show);
  const variables = make(element, "div", { class: "alive-grid" });
  const table = make(element, "table", { class: "alive-table" });

  text.setAttribute("aria-describedby", problem.id);
  text.addEventListener("input", () => read(text.value));
  for (const example of EXAMPLES) {
    alive.button(examples, example, () => {
      text.value = example;
      read(example);
    });
  }
  new ResizeObserver(() => picture && picture.wide !== isWide() && redraw()).observe(element);
  read(text.value);

  /* ---- reading -------------------------------------------------------------------------------------------------- */

  /** Take a new expression; one that cannot be read is explained and leaves the old graph. */
  function read(written) {
    try {
      graph = parse(written);
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      problem.textContent = error.message;
      text.setAttribute("aria-invalid", "true");
      return;
    }
    problem.textContent = "";
    text.removeAttribute("aria-invalid");
    step.stop();
    given = new Map([...graph.variables.keys()].map((name, i) => [name, given.get(name) ?? START[i]]));
    offerVariables();
    redraw();
  }

  function offerVariables() {
    variables.replaceChildren();
    for (const [name, value] of given) {
      alive.slider(variables, name, { min: -3, max: 3, step: 0.1, value }, (next) => {
        given.set(name, next);
        compute();
        show(step.value);
      });
    }
  }

  function redraw() {
    picture = drawGraph(board, graph, isWide());
    compute();
    step.limit(frames.length - 1);
    step.set(frames.length - 1);
  }

  function isWide() {
    return element.clientWidth >= 640;
  }

  /* ---- steps ---------------------------------------------------------------------------------------------------- */

  /** Work out what every step shows: {values, gradients, node, back, passed, text}, null for a number not there yet. */
  function compute() {
    const all = forward(graph, given);
    const known = graph.nodes.map((node, i) => (node.inputs.length ? null : all[i]));
    const sums = graph.nodes.map(() => null);
    frames = [{ values: [...known], gradients: [...sums], text: "The values of the variables are given." }];
    for (const node of graph.nodes.filter((one) => one.inputs.length)) {
      known[node.index] = all[node.index];
      const text = `Forward: ${describe(node)} = ${format(all[node.index])}.`;
      frames.push({ values: [...known], gradients: [...sums], node, text });
    }
    sums[graph.root.index] = 1;
    frames.push({ values: all, gradients: [...sums], text: "Backward from the result, whose slope by itself is 1." });
    for (const { node, gradient, passed } of backward(graph, all)) {
      const text = passing(node, gradient, passed, sums);
      for (const each of passed) sums[each.input.index] = (sums[each.input.index] ?? 0) + each.gradient;
      frames.push({ values: all, gradients: [...sums], node, back: true, passed, text });
    }
    fillTable(all);
  }

  /** Say what an operation passes back, and what that makes with what an input already has. */
  function passing(node, gradient, passed, sums) {
    const sign = node.inputs.length === 2 ? `a ${symbol(node)} b` : node.op === "negative" ? "−a" : `${node.op}(a)`;
    const slopes = RULES.get(node.op)
      .words.map((slope, i) => `∂/∂${"ab"[i]} = ${slope}`)
      .join(", ");
    const sent = passed.map(({ input, slope, gradient: given }) => {
      const before = sums[input.index];
      const together = before === null ? "" : `, with what it has ${format(before + given)}`;
      return `${describe(input)} gets ${format(gradient)} × ${format(slope)} = ${format(given)}${together}`;
    });
    return `Backward through ${sign}, with ${slopes}: ${sent.join("; ")}.`;
  }

  function show(k) {
    const frame = frames[Math.min(k, frames.length - 1)];
    picture.update(frame);
    say(frame.text);
  }

  /** One row for each variable: its gradient by the walk, and its slope measured by a difference, which must agree. */
  function fillTable(values) {
    const found = gradients(graph, values);
    table.replaceChildren();
    const head = make(make(table, "thead"), "tr");
    for (const title of ["", "value", "gradient", "by differences"]) make(head, "th", { scope: "col" }, title);
    const body = make(table, "tbody");
    for (const [name, node] of graph.variables) {
      const row = make(body, "tr");
      make(row, "th", { scope: "row" }, name);
      const numbers = [given.get(name), found[node.index], difference(graph, given, name)];
      for (const number of numbers) make(row, "td", {}, format(number));
    }
  }

  /* ---- the graph ------------------------------------------------------------------------------------------------ */

  /** Draw a graph in an empty box, from left to right if wide, else downwards -> {wide, update(frame)}. */
  function drawGraph(box, { nodes }, wide) {
    const WIDTH = 88,
      HEIGHT = 58;
    const [along, across] = wide ? [WIDTH + 62, HEIGHT + 18] : [HEIGHT + 44, WIDTH + 12];
    const { layers, places, edges } = alive.arrange({ nodes });
    const point = ([layer, place]) => (wide ? [layer * along, place * across] : [place * across, layer * along]);
    const corners = [...places, ...edges.flatMap((edge) => edge.via)].map(point);
    const [xs, ys] = [corners.map((corner) => corner[0]), corners.map((corner) => corner[1])];
    const [left, top] = [Math.min(...xs) - WIDTH / 2 - 6, Math.min(...ys) - HEIGHT / 2 - 6];
    const [right, bottom] = [Math.max(...xs) + WIDTH / 2 + 6, Math.max(...ys) + HEIGHT / 2 + 6];
    box.replaceChildren();
    const view = [left, top, right - left, bottom - top].join(" ");
    const name = `graph of ${nodes.length} nodes in ${layers} layers`;
    const svg = draw(box, "svg", { viewBox: view, role: "img", "aria-label": name });
    svg.style.width = `${(right - left) * (wide ? 1.25 : 1)}px`;
    const half = wide ? [WIDTH / 2, 0] : [0, HEIGHT / 2];
    const wires = edges.map((edge) => {
      const [from, ...rest] = [places[edge.from], ...edge.via, places[edge.to]].map(point);
      const [to, ...via] = rest.reverse();
      const ends = [from.map((each, k) => each + half[k]), to.map((each, k) => each - half[k])];
      return drawWire(svg, edge, [ends[0], ...via.reverse(), ends[1]], wide);
    });
    const cards = nodes.map((node) => drawCard(svg, node, point(places[node.index]), WIDTH, HEIGHT));
    return {
      wide,
      update(frame) {
        wires.forEach((wire) => wire.update(frame));
        cards.forEach((card) => card.update(frame));
      },
    };
  }

  function drawCard(svg, node, [x, y], width, height) {
    const group = draw(svg, "g", { class: `alive-node ${node.inputs.length ? "" : "alive-leaf"}` });
    draw(group, "rect", { x: x - width / 2, y: y - height / 2, width, height, rx: 9 });
    const leaf = node.op === "constant";
    draw(group, "text", { x, y: leaf ? y + 5 : y - 11, class: "alive-symbol" }, symbol(node));
    const value = draw(group, "text", { x, y: y + 6, class: "alive-forward" });
    const gradient = draw(group, "text", { x, y: y + 22, class: "alive-backward" });
    return {
      update(frame) {
        const [given, slope] = [frame.values[node.index], frame.gradients[node.index]];
        value.textContent = leaf || given === null ? "" : format(given);
        gradient.textContent = slope === null || !node.varies ? "" : `∂ ${format(slope)}`;
        group.classList.toggle("alive-active", frame.node === node);
        group.classList.toggle("alive-back", Boolean(frame.back));
      },
    };
  }

  /** A wire through points; it lights up when its operation is at work. */
  function drawWire(svg, edge, way, wide) {
    const curve = way.slice(1).map(([x, y], i) => {
      const [u, v] = way[i];
      const [a, b] = [(u + x) / 2, (v + y) / 2];
      return wide ? `C ${a} ${v} ${a} ${y} ${x} ${y}` : `C ${u} ${b} ${x} ${b} ${x} ${y}`;
    });
    const path = draw(svg, "path", { class: "alive-wire", d: `M ${way[0].join(" ")} ${curve.join(" ")}` });
    return {
      update(frame) {
        const active = frame.node && frame.node.index === edge.to;
        const flows = active && (!frame.back || frame.passed.some((each) => each.input.index === edge.from));
        path.classList.toggle("alive-active", Boolean(flows));
        path.classList.toggle("alive-back", Boolean(flows && frame.back));
      },
    };
  }
});
