/* The layers of the decoders, as minigrad computes them, for one image at a time.

   An image is {channels, height, width, values}, a code one of k channels and 1 x 1 pixels. A network is a list of
   {layer, ..} as demos/gallery/alive/networks.py writes it, with its arrays packed. */
"use strict";

alive.layers = (function () {
  /** Unpack a network -> the function from a code, an array of numbers, to an image. */
  function network(layers) {
    const ready = layers.map((layer) => {
      const arrays = ["weight", "bias"].filter((name) => layer[name]);
      return { ...layer, ...Object.fromEntries(arrays.map((name) => [name, alive.array(layer[name])])) };
    });
    return (code) => {
      const input = { channels: code.length, height: 1, width: 1, values: Float32Array.from(code) };
      return ready.reduce((x, layer) => LAYERS[layer.layer](x, layer), input);
    };
  }

  const LAYERS = {
    linear,
    conv2d,
    upsample: (x) => doubled(x),
    add: (x, { bias }) => changed(x, (value, i) => value + bias.values[i]),
    relu: (x) => changed(x, (value) => Math.max(value, 0)),
    leaky_relu: (x, { slope }) => changed(x, (value) => (value > 0 ? value : value * slope)),
    sigmoid: (x) => changed(x, (value) => 1 / (1 + Math.exp(-value))),
    reshape: ({ values }, { shape: [channels, height, width] }) => ({ channels, height, width, values }),
  };

  function changed(x, change) {
    return { ...x, values: x.values.map(change) };
  }

  function blank(channels, height, width) {
    return { channels, height, width, values: new Float32Array(channels * height * width) };
  }

  /** W x + b, over all values of x. */
  function linear(x, { weight, bias }) {
    const [m, n] = weight.shape;
    const out = blank(m, 1, 1);
    const w = weight.values;
    const given = x.values;
    for (let i = 0; i < m; i++) {
      let sum = bias.values[i];
      for (let j = 0; j < n; j++) sum += w[i * n + j] * given[j];
      out.values[i] = sum;
    }
    return out;
  }

  /** Slide weights (O, C, k, k) over x, stride 1: each adds its multiple of a shifted x, row by row. */
  function conv2d(x, { weight, bias, padding }) {
    const [O, C, k] = weight.shape;
    const [h, w] = [x.height + 2 * padding - k + 1, x.width + 2 * padding - k + 1];
    const out = blank(O, h, w);
    for (let o = 0; o < O; o++) {
      out.values.fill(bias.values[o], o * h * w, (o + 1) * h * w);
      for (let tap = 0; tap < C * k * k; tap++) {
        const c = Math.floor(tap / (k * k));
        const down = (Math.floor(tap / k) % k) - padding;
        const right = (tap % k) - padding;
        add(out, o, x, c, down, right, weight.values[o * C * k * k + tap]);
      }
    }
    return out;
  }

  /** Add `factor` times channel c of x, seen from `down` and `right`, to channel o of out. */
  function add(out, o, x, c, down, right, factor) {
    const sums = out.values;
    const given = x.values;
    const from = Math.max(0, -right);
    const to = Math.min(out.width, x.width - right);
    for (let y = Math.max(0, -down); y < Math.min(out.height, x.height - down); y++) {
      const source = (c * x.height + y + down) * x.width + right;
      const target = (o * out.height + y) * out.width;
      for (let j = from; j < to; j++) sums[target + j] += factor * given[source + j];
    }
  }

  /** Every pixel four times. */
  function doubled(x) {
    const [h, w] = [2 * x.height, 2 * x.width];
    const out = blank(x.channels, h, w);
    for (let i = 0; i < out.values.length; i++) {
      const [c, y, column] = [Math.floor(i / (h * w)), Math.floor(i / w) % h, i % w];
      out.values[i] = x.values[(c * x.height + (y >> 1)) * x.width + (column >> 1)];
    }
    return out;
  }

  /** Look a texture up where a warp points: warp (height, width, 2) of places (x, y), -1 and 1 at the outer pixels'
      centres; bilinear, 0 outside. */
  function lookUp(texture, warp, height, width) {
    const out = blank(texture.channels, height, width);
    const { channels, height: h, width: w, values } = texture;
    for (let i = 0; i < height * width; i++) {
      const [x, y] = [((warp[2 * i] + 1) / 2) * (w - 1), ((warp[2 * i + 1] + 1) / 2) * (h - 1)];
      const [left, top] = [Math.floor(x), Math.floor(y)];
      for (const [dx, dy] of [
        [0, 0],
        [1, 0],
        [0, 1],
        [1, 1],
      ]) {
        const [column, row] = [left + dx, top + dy];
        if (column < 0 || column >= w || row < 0 || row >= h) continue;
        const share = Math.abs(1 - dx - (x - left)) * Math.abs(1 - dy - (y - top));
        for (let c = 0; c < channels; c++) {
          out.values[c * height * width + i] += share * values[(c * h + row) * w + column];
        }
      }
    }
    return out;
  }

  return { network, lookUp };
})();
