/* Where the nodes of a graph of operations stand: in layers, every input before its users, with few crossings.

   Sugiyama's way, small: layers; stand-ins where an edge passes a layer; an order by the mean place of neighbours;
   places likewise, one apart. */
"use strict";

alive.arrange = (function () {
  const SWEEPS = 8;

  /** Place the nodes {index, inputs} of {nodes, root} -> {layers, places, edges}.

      places: by index, [along, across], in units of one node. edges: {from, to, slot, via}, slot the number of the
      input, via the places of the stand-ins. */
  function arrange(graph) {
    const depth = depths(graph);
    const deepest = Math.max(...depth);
    const cells = graph.nodes.map((node) => ({ layer: deepest - depth[node.index], near: [], size: 1 }));
    const edges = graph.nodes.flatMap((node) => node.inputs.map((from, slot) => connect(cells, from, node, slot)));
    const layers = ordered(cells, deepest + 1);
    settle(layers);
    const places = cells.map((cell) => [cell.layer, cell.across]);
    return {
      layers: deepest + 1,
      places: places.slice(0, graph.nodes.length),
      edges: edges.map((edge) => ({ ...edge, via: edge.via.map((i) => places[i]) })),
    };
  }

  /** How many operations lie between each node and the root; the longest way counts. */
  function depths(graph) {
    const depth = new Array(graph.nodes.length).fill(0);
    for (const node of graph.nodes.toReversed()) {
      for (const input of node.inputs) depth[input.index] = Math.max(depth[input.index], depth[node.index] + 1);
    }
    return depth;
  }

  /** Tie two nodes through stand-ins in the layers between them. */
  function connect(cells, from, to, slot) {
    const via = [];
    let last = from.index;
    for (let layer = cells[from.index].layer + 1; layer < cells[to.index].layer; layer++) {
      cells.push({ layer, near: [], size: 0.5 });
      via.push(cells.length - 1);
      tie(cells, last, cells.length - 1);
      last = cells.length - 1;
    }
    tie(cells, last, to.index);
    return { from: from.index, to: to.index, slot, via };
  }

  function tie(cells, a, b) {
    cells[a].near.push(cells[b]);
    cells[b].near.push(cells[a]);
  }

  /** Sort the cells of every layer by the mean place of their neighbours, from the root to the leaves and back. */
  function ordered(cells, count) {
    const layers = Array.from({ length: count }, (_, i) => cells.filter((cell) => cell.layer === i));
    spread(layers);
    for (let sweep = 0; sweep < SWEEPS; sweep++) {
      const side = sweep % 2 ? -1 : 1;
      for (const layer of side > 0 ? layers.toReversed() : layers) {
        const wish = (cell) =>
          mean(
            cell.near.filter((other) => other.layer === cell.layer + side),
            cell.across,
          );
        const wishes = new Map(layer.map((cell) => [cell, wish(cell)]));
        layer.sort((a, b) => wishes.get(a) - wishes.get(b));
        spread([layer]);
      }
    }
    return layers;
  }

  function mean(cells, otherwise) {
    return cells.length ? cells.reduce((total, cell) => total + cell.across, 0) / cells.length : otherwise;
  }

  function spread(layers) {
    for (const layer of layers) layer.forEach((cell, i) => (cell.across = i - (layer.length - 1) / 2));
  }

  /** Move every cell towards its neighbours, keeping the order and the distance. */
  function settle(layers) {
    for (let sweep = 0; sweep < 4 * SWEEPS; sweep++) {
      for (const layer of sweep % 2 ? layers.toReversed() : layers) {
        const wishes = layer.map((cell) => mean(cell.near, cell.across));
        let edge = -Infinity;
        const places = layer.map((cell, i) => {
          const place = Math.max(wishes[i], edge + cell.size / 2);
          edge = place + cell.size / 2;
          return place;
        });
        const excess = places.reduce((total, place, i) => total + place - wishes[i], 0) / layer.length;
        layer.forEach((cell, i) => (cell.across = places[i] - excess));
      }
    }
  }

  return arrange;
})();
