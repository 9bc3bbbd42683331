"""Names from NumPy and PyTorch that minigrad lacks, and what to write instead."""

from __future__ import annotations

# for functions mg.NAME that one line of other functions replaces, or that have NumPy's name here, not PyTorch's
FUNCTIONS = {
    "dot": "x @ y",
    "mm": "x @ y",
    "bmm": "x @ y",
    "trace": 'mg.einsum("ii", x)',
    "ravel": "mg.flatten(x)",
    "permute": "mg.transpose(x, axes)",
    "view": "mg.reshape(x, shape)",
    "cat": "mg.concatenate([x, y])",
    "clamp": "mg.clip(x, 0, 1)",
    "asin": "mg.arcsin(x)",
    "acos": "mg.arccos(x)",
    "atan": "mg.arctan(x)",
    "atan2": "mg.arctan2(y, x)",
    "log10": "mg.log(x) / math.log(10)",
    "eye": "mg.diag(mg.ones(n))",
    "linspace": "mg.Tensor(np.linspace(0, 1, n))",
    "gather": "mg.take_along_axis(x, index, axis)",
    "rand": "mg.Tensor(rng.random(shape, np.float32))",
    "randn": "mg.Tensor(rng.standard_normal(shape, np.float32))",
}

# for methods x.NAME
METHODS = {
    "permute": "x.transpose(axes)",
    "view": "x.reshape(shape)",
    "expand": "mg.broadcast_to(x, shape)",
    "ravel": "x.flatten()",
    "dot": "x @ y",
    "clone": "copy.deepcopy(x)",
    "numel": "x.size",
    "dim": "x.ndim",
    "cpu": 'x.to("cpu")',
    "cuda": 'x.to("cuda")',
    "float": "x.astype(np.float32)",
    "double": "x.astype(np.float64)",
    "long": "x.astype(np.int64)",
    "requires_grad_": "x.requires_grad = True",
}
