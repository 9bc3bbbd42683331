"""A drawing of the recorded graph, which backward() walks."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from .tensor import Tensor


def draw_graph(y: Tensor, path: str | os.PathLike | None = None, names: Mapping[str, Tensor] | None = None) -> str:
    """Return Graphviz DOT text that shows how y was made, with the inputs on top; write it to path if one is given.

    path: a file NAME.dot; NAME.svg is drawn beside it where Graphviz (the program `dot`) is installed.
    names: tensors by name, such as dict(model.named_parameters()), to label the leaves.
    ValueError if path does not end in .dot.
    """
    labels = {id(t): name for name, t in (names or {}).items()}
    lines = ["digraph {", '  rankdir="TB"; node [fontname="Helvetica", fontsize=11];']
    number, stack = {id(y): 0}, [y]
    while stack:
        t = stack.pop()
        lines.append(f"  t{number[id(t)]} [{_style(t, labels.get(id(t), ''))}];")
        for x in t._inputs:
            if isinstance(x, Tensor):
                if id(x) not in number:
                    number[id(x)] = len(number)
                    stack.append(x)
                lines.append(f"  t{number[id(x)]} -> t{number[id(t)]};")
    text = "\n".join([*lines, "}"]) + "\n"
    if path is not None:
        _write(text, Path(path))
    return text


def _style(t: Tensor, name: str) -> str:
    """Return the DOT attributes of a tensor: a box for a leaf, an ellipse for a result."""
    shape = f"{t.dtype} {' x '.join(map(str, t.shape)) or 'scalar'}"
    if t._op is None:
        colour = "#cde7cd" if t.requires_grad else "#e6e6e6"
        label = [name or ("leaf" if t.requires_grad else "constant"), shape]
        attributes = f'shape=box, style=filled, fillcolor="{colour}"'
    else:
        scalars = [f"{x:g}" for x in t._inputs if isinstance(x, int | float)]
        params = [f"{k}={v}"[:40] for k, v in t._params.items() if t._op.signature.defaults.get(k, "none") is not v]
        label = [name, " ".join([t._op.name, *scalars]), ", ".join(params), shape]
        attributes = "shape=ellipse"
    return attributes + ', label="' + "\\n".join(_escape(line) for line in label if line) + '"'


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")


def _write(text: str, path: Path) -> None:
    if path.suffix != ".dot":
        raise ValueError(f"draw_graph: path is {str(path)!r}; it must end in .dot (a .svg is drawn beside it)")
    path.write_text(text, encoding="utf-8")
    if shutil.which("dot"):
        subprocess.run(["dot", "-Tsvg", f"-o{path.with_suffix('.svg')}", str(path)], check=True)
