/* Expressions: text becomes a graph of operations, with values forward and gradients backward. No eval.

   parse("x * y + sin(x)") reads characters by a grammar of five rules and knows no names but those of RULES and PI:
   whatever else the text holds is an error that names its place. A variable is one node however often it occurs, so
   its gradient is a sum over the places that use it. */
"use strict";

alive.expression = (function () {
  const LIMITS = { letters: 200, nodes: 60, depth: 30, variables: 6 };
  const PI = "pi";

  /* Of each operation: its value; the slopes of this value by each input, with out the value; and these
     in words, of inputs a and b. */
  const RULES = new Map([
    ["+", { value: (a, b) => a + b, slopes: () => [1, 1], words: ["1", "1"] }],
    ["-", { value: (a, b) => a - b, slopes: () => [1, -1], words: ["1", "−1"] }],
    ["*", { value: (a, b) => a * b, slopes: ([a, b]) => [b, a], words: ["b", "a"] }],
    ["/", { value: (a, b) => a / b, slopes: ([, b], out) => [1 / b, -out / b], words: ["1 / b", "−a / b²"] }],
    ["^", { value: (a, b) => a ** b, slopes: powerSlopes, words: ["b · aᵇ⁻¹", "aᵇ · log a"] }],
    ["negative", { value: (a) => -a, slopes: () => [-1], words: ["−1"] }],
    ["sin", { value: Math.sin, slopes: ([a]) => [Math.cos(a)], words: ["cos a"] }],
    ["cos", { value: Math.cos, slopes: ([a]) => [-Math.sin(a)], words: ["−sin a"] }],
    ["exp", { value: Math.exp, slopes: (_, out) => [out], words: ["eᵃ, the value itself"] }],
    ["log", { value: Math.log, slopes: ([a]) => [1 / a], words: ["1 / a"] }],
    ["sqrt", { value: Math.sqrt, slopes: (_, out) => [1 / (2 * out)], words: ["1 / (2 √a)"] }],
    ["tanh", { value: Math.tanh, slopes: (_, out) => [1 - out * out], words: ["1 − tanh² a"] }],
    ["sigmoid", { value: sigmoid, slopes: (_, out) => [out * (1 - out)], words: ["σ (1 − σ)"] }],
    ["relu", { value: (a) => Math.max(a, 0), slopes: ([a]) => [a > 0 ? 1 : 0], words: ["1 above 0, else 0"] }],
    ["abs", { value: Math.abs, slopes: ([a]) => [Math.sign(a)], words: ["the sign of a"] }],
  ]);

  function sigmoid(a) {
    return 1 / (1 + Math.exp(-a));
  }

  function powerSlopes([a, b], out) {
    return [b * a ** (b - 1), out * Math.log(a)];
  }

  const FUNCTIONS = [...RULES.keys()].filter((name) => /^[a-z]+$/.test(name) && name !== "negative");

  class ExpressionError extends Error {}

  /* ---- text to tokens ------------------------------------------------------------------------------------------- */

  const TOKEN = /\s*(?:(\d+(?:\.\d*)?|\.\d+)|([A-Za-z][A-Za-z0-9_]*)|(\*\*|[-+*/^()]))/y;

  /** Cut a text into [{kind, text, place}], kind "number", "name", "sign" or, at the end, "end". */
  function tokens(text) {
    if (text.length > LIMITS.letters) throw new ExpressionError(`too long: at most ${LIMITS.letters} characters`);
    const found = [];
    const end = text.trimEnd().length;
    TOKEN.lastIndex = 0;
    while (TOKEN.lastIndex < end) {
      const from = TOKEN.lastIndex;
      const match = TOKEN.exec(text);
      if (!match) {
        const place = from + text.slice(from).search(/\S/);
        const character = String.fromCodePoint(text.codePointAt(place));
        throw new ExpressionError(`character ${place + 1}: “${character}” has no meaning here`);
      }
      const [, number, name, sign] = match;
      const kind = number ? "number" : name ? "name" : "sign";
      const word = number || name || (sign === "**" ? "^" : sign);
      found.push({ kind, text: word, place: TOKEN.lastIndex - (number || name || sign).length + 1 });
    }
    return [...found, { kind: "end", text: "the end", place: end + 1 }];
  }

  /* ---- tokens to a graph ---------------------------------------------------------------------------------------- */

  /** Read an expression -> {nodes, root, variables}: nodes {op, inputs, name or constant} with inputs before users. */
  function parse(text) {
    const input = tokens(text);
    const graph = { nodes: [], root: null, variables: new Map() };
    let next = 0;
    let depth = 0;

    const is = (...signs) => input[next].kind === "sign" && signs.includes(input[next].text);

    function fail(token, what) {
      throw new ExpressionError(`character ${token.place}: ${what}`);
    }

    function add(node) {
      if (graph.nodes.length >= LIMITS.nodes) throw new ExpressionError(`too large: at most ${LIMITS.nodes} nodes`);
      graph.nodes.push({ inputs: [], ...node, index: graph.nodes.length });
      return graph.nodes.at(-1);
    }

    function operation(op, ...inputs) {
      return add({ op, inputs, varies: inputs.some((one) => one.varies) });
    }

    // sum = product {("+" | "-") product}
    function sum() {
      let left = product();
      while (is("+", "-")) left = operation(input[next++].text, left, product());
      return left;
    }

    // product = signed {("*" | "/") signed}
    function product() {
      let left = signed();
      while (is("*", "/")) left = operation(input[next++].text, left, signed());
      return left;
    }

    // signed = "-" signed | power, so that -x^2 is -(x^2); depth is counted here, as all nesting comes through
    function signed() {
      depth += 1;
      if (depth > LIMITS.depth) throw new ExpressionError(`too deep: at most ${LIMITS.depth} levels`);
      const minus = is("-");
      if (minus) next += 1;
      const made = minus ? operation("negative", signed()) : power();
      depth -= 1;
      return made;
    }

    // power = atom ["^" signed], so that 2^3^2 is 2^(3^2)
    function power() {
      const base = atom();
      if (!is("^")) return base;
      next += 1;
      return operation("^", base, signed());
    }

    // atom = number | variable | "pi" | function "(" sum ")" | "(" sum ")"
    function atom() {
      const token = input[next];
      next += 1;
      if (token.kind === "number") return add({ op: "constant", constant: Number(token.text), varies: false });
      if (token.kind === "name") return named(token);
      if (token.kind === "sign" && token.text === "(") return bracketed();
      return fail(token, `expected a number, a name or “(”, found ${quoted(token)}`);
    }

    function bracketed() {
      const inner = sum();
      if (!is(")")) fail(input[next], `expected “)”, found ${quoted(input[next])}`);
      next += 1;
      return inner;
    }

    function named(token) {
      if (token.text === PI) return add({ op: "constant", constant: Math.PI, varies: false });
      if (FUNCTIONS.includes(token.text)) {
        if (!is("(")) fail(input[next], `expected “(” after ${token.text}`);
        next += 1;
        return operation(token.text, bracketed());
      }
      if (!/^[A-Za-z]\d?$/.test(token.text)) {
        const known = `functions are ${FUNCTIONS.join(", ")}, variables single letters such as x or w1`;
        fail(token, `unknown name “${token.text}”; ${known}`);
      }
      return variable(token.text);
    }

    function variable(name) {
      if (!graph.variables.has(name)) {
        const full = graph.variables.size >= LIMITS.variables;
        if (full) throw new ExpressionError(`at most ${LIMITS.variables} variables`);
        graph.variables.set(name, add({ op: "variable", name, varies: true }));
      }
      return graph.variables.get(name);
    }

    graph.root = sum();
    if (input[next].kind !== "end") fail(input[next], `expected an operator, found ${quoted(input[next])}`);
    return graph;
  }

  function quoted(token) {
    return token.kind === "end" ? "the end" : `“${token.text}”`;
  }

  /* ---- values and gradients ------------------------------------------------------------------------------------- */

  /** Values of all nodes, by index, for variables given by name in a Map. */
  function forward(graph, given) {
    const values = [];
    for (const node of graph.nodes) {
      if (node.op === "constant") values.push(node.constant);
      else if (node.op === "variable") values.push(given.get(node.name));
      else values.push(RULES.get(node.op).value(...node.inputs.map((input) => values[input.index])));
    }
    return values;
  }

  /** Walk back from the root: yields for each operation, last first, what it passes on to the inputs that vary.

      Each step is {node, gradient, passed: [{input, slope, gradient}]}; the gradient of an input is the sum of all that
      is passed to it. */
  function* backward(graph, values) {
    const gradients = new Array(graph.nodes.length).fill(0);
    gradients[graph.root.index] = 1;
    for (const node of graph.nodes.toReversed()) {
      if (!node.inputs.length || !node.varies) continue;
      const given = node.inputs.map((input) => values[input.index]);
      const slopes = RULES.get(node.op).slopes(given, values[node.index]);
      const passed = node.inputs
        .map((input, i) => ({ input, slope: slopes[i], gradient: gradients[node.index] * slopes[i] }))
        .filter((each) => each.input.varies);
      for (const { input, gradient } of passed) gradients[input.index] += gradient;
      yield { node, gradient: gradients[node.index], passed };
    }
  }

  /** The gradients of all nodes, by index. */
  function gradients(graph, values) {
    const found = new Array(graph.nodes.length).fill(0);
    found[graph.root.index] = 1;
    for (const { passed } of backward(graph, values)) {
      for (const { input, gradient } of passed) found[input.index] += gradient;
    }
    return found;
  }

  /** The slope of the root by a variable, measured by moving it a little both ways. */
  function difference(graph, given, name) {
    const step = 1e-5;
    const [above, below] = [step, -step].map((move) => {
      const moved = new Map(given).set(name, given.get(name) + move);
      return forward(graph, moved)[graph.root.index];
    });
    return (above - below) / (2 * step);
  }

  /** Write a node out again as text, with brackets around whatever is not a single word. */
  function describe(node) {
    if (node.op === "constant") return alive.format(node.constant);
    if (node.op === "variable") return node.name;
    const parts = node.inputs.map(describe);
    if (FUNCTIONS.includes(node.op)) return `${node.op}(${parts[0]})`;
    const word = (input) => input.inputs.length === 0 || FUNCTIONS.includes(input.op);
    const [a, b] = node.inputs.map((input, i) => (word(input) ? parts[i] : `(${parts[i]})`));
    return node.op === "negative" ? `−${a}` : `${a} ${symbol(node)} ${b}`;
  }

  /** What stands on a node. */
  function symbol(node) {
    const signs = { "*": "×", "-": "−", negative: "−" };
    if (node.op === "constant") return alive.format(node.constant);
    return node.op === "variable" ? node.name : (signs[node.op] ?? node.op);
  }

  return { parse, forward, backward, gradients, difference, describe, symbol, RULES, ExpressionError };
})();
