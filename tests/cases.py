"""Every differentiable function at small inputs: what the gradient checks run on.

To add one, write a line:

    case("my_op", lambda x, y: mg.my_op(x, y, axis=1), real(2, 3), positive(3))

that is, the function's name, a call of it, and one input for each argument of the call: real(*shape) and
positive(*shape) draw float64 numbers of magnitude 0.5 to 1.5, with random signs and without; an array or a list is
taken as it is. Floating-point inputs are differentiated, integer and boolean ones are constants; integers that are
computed with are int8, because NumPy makes float64 of float32 and int64. Keep inputs small, not square, and away from
kinks: the check visits every element and complains about kinks.
"""

import zlib
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import sparse

import minigrad as mg
from minigrad.kernels.geometry import Geometry
from minigrad.ops.activations import elu_gradient, gelu_by_erf, gelu_gradient, rectified_gradient, silu_gradient
from minigrad.ops.arithmetic import sum_of_products
from minigrad.ops.collective import all_gather, all_reduce
from minigrad.ops.conv import col2im, convolve, convolve_transposed, convolve_weight, im2col
from minigrad.ops.elementwise import abs_gradient, sigmoid_gradient, tanh_gradient
from minigrad.ops.linear_recurrence import pull_states, push_states
from minigrad.ops.losses import huber
from minigrad.ops.matmul import contract, row_products
from minigrad.ops.normalize import deviation, moments, scale_and_shift, standardize_gradient
from minigrad.ops.padding import extend, fold_back
from minigrad.ops.pool import max_pool2d_gather, max_pool2d_scatter, sum_pool2d, sum_unpool2d
from minigrad.ops.recurrent import gru_states, lstm_states
from minigrad.ops.resample import grid_sample_bilinear, grid_sample_grid, grid_sample_input
from minigrad.ops.softmax import softmax_gradient
from minigrad.ops.sparse import sparse_product


class Case(NamedTuple):
    name: str  # of the function under test
    f: Callable  # calls it on Tensors
    inputs: list[np.ndarray]  # read-only

    @property
    def id(self) -> str:
        return f"{self.name}({', '.join('x'.join(map(str, a.shape)) or 'scalar' for a in self.inputs)})"

    @property
    def empty(self) -> bool:
        """Does it take or give no numbers at all, so that there is nothing to measure?"""
        y = self.f(*map(mg.Tensor, self.inputs))
        results = [t.data for t in ([y] if isinstance(y, mg.Tensor) else y)]
        return any(not any(a.size for a in arrays if a.dtype.kind == "f") for arrays in (self.inputs, results))


CASES: list[Case] = []


def case(name, f, *inputs):
    """Add a case; its random inputs depend on its name and its place among the cases of that name alone."""
    number = Counter(c.name for c in CASES)[name]
    rng = np.random.default_rng(zlib.crc32(f"{name} {number}".encode()))
    arrays = [np.array(x(rng) if callable(x) else x) for x in inputs]
    for a in arrays:
        a.flags.writeable = False
    CASES.append(Case(name, f, arrays))


def positive(*shape):
    return lambda rng: rng.uniform(0.5, 1.5, size=shape)


def probability(*shape):
    return lambda rng: rng.uniform(0.1, 0.9, size=shape)


def real(*shape):
    return lambda rng: rng.uniform(0.5, 1.5, size=shape) * rng.choice([-1.0, 1.0], size=shape)


def distinct(*shape):
    """Draw numbers that are at least 0.1 apart, for functions that pick the largest."""
    return lambda rng: (rng.permutation(int(np.prod(shape))).reshape(shape) + rng.random()) * 0.1 - 1.0


# ---- arithmetic ------------------------------------------------------------------------------------------------------

for f in (mg.add, mg.subtract, mg.multiply, mg.divide, mg.maximum, mg.minimum):
    case(f.name, f, real(2, 3), real(2, 3))
    case(f.name, f, real(2, 3), real(3))
    case(f.name, f, real(2, 1), real(1, 3))
    case(f.name, f, real(), real(2, 1, 2))
    case(f.name, f, real(0, 3), real(3))
    case(f.name, lambda x, f=f: f(x, 0.25), real(2, 3))
    case(f.name, lambda x, f=f: f(2, x), real(3))
    case(f.name, lambda x, y, f=f: f(x, y), real(2, 3), np.int8([1, -2, 3]))
for f in (mg.add, mg.subtract, mg.multiply, mg.divide):  # one tensor as both inputs; a kink of maximum and minimum
    case(f.name, lambda x, f=f: f(x, x), real(2, 3))

case("negative", mg.negative, real(2, 3))
case("negative", mg.negative, real())

case("power", mg.power, positive(2, 3), real(2, 3))
case("power", mg.power, positive(2, 1), real(3))
case("power", mg.power, real(2, 3), np.int8([1, 2, -2]))
case("power", mg.power, [[0.0, 0.0, 0.0, 0.0], [-1.5, 0.5, 2.0, -0.5]], np.int8([0, 1, 2, 3]))
case("power", mg.power, np.int8([[0], [2]]), positive(2, 3))
for n in (0, 1, 2, 3, 4):
    case("power", lambda x, n=n: x**n, [-1.5, 0.0, 0.5])
for n in (-2.0, -3, 5, 9):
    case("power", lambda x, n=n: x**n, real(2, 3))
case("power", lambda x: x**0.5, positive(3))
case("power", lambda y: 2**y, real(2, 3))
case("power", lambda y: 0.0**y, positive(3))

case("where", mg.where, [[True, False, True], [False, False, True]], real(2, 3), real(2, 3))
case("where", mg.where, [[True], [False]], real(3), real(2, 1))
case("where", mg.where, [2, 0, -1], real(2, 3), real())
case("where", lambda c, x: mg.where(c, 1.0, x), [True, False, True], real(3))
case("where", lambda c, x: mg.where(c, x, 0), [True, False, True], real(2, 3))

case("arctan2", mg.arctan2, real(2, 3), real(2, 3))
case("arctan2", mg.arctan2, real(2, 1), real(3))
case("arctan2", lambda x: mg.arctan2(0.5, x), real(2, 3))
case("arctan2", lambda y: mg.arctan2(y, -2), real(3))
case("logaddexp", mg.logaddexp, real(2, 3), real(3))
case("logaddexp", mg.logaddexp, [[100.0], [-100.0]], real(3))
case("logaddexp", lambda x: mg.logaddexp(0.25, x), real(2, 3))
case("logaddexp", lambda x: mg.logaddexp(x, x), real(3))
for f in (mg.floor_divide, mg.remainder):
    case(f.name, f, [[-1.3, 0.2, 1.8]], [[0.5], [-0.7]])
    case(f.name, lambda x, f=f: f(x, 0.5), [-1.3, 0.2, 1.8])
    case(f.name, lambda y, f=f: f(2, y), [-1.3, 0.3, 1.8])

case("astype", lambda x: mg.astype(x, x.dtype), real(2, 3))
case("to_device", lambda x: mg.to_device(x, x.device), real(2, 3))

# ---- elementwise -----------------------------------------------------------------------------------------------------

for f in (mg.exp, mg.expm1, mg.square, mg.reciprocal, mg.abs, mg.sign, mg.sin, mg.cos, mg.tan, mg.arctan, mg.sinh,
          mg.cosh, mg.tanh, mg.sigmoid, mg.softplus, mg.relu, mg.leaky_relu, mg.elu, mg.erf, mg.gelu, mg.silu,
          mg.hardtanh):  # fmt: skip
    case(f.__name__, f, real(2, 3))
    case(f.__name__, f, real(1, 0, 2))
for f in (mg.log, mg.log1p, mg.log2, mg.sqrt):
    case(f.__name__, f, positive(2, 3))
    case(f.__name__, f, positive(1, 0, 2))
case("log1p", mg.log1p, [-0.5, -1e-6, 0.0, 1e-6])
case("expm1", mg.expm1, [-1e-6, 0.0, 1e-6])
for f in (mg.sigmoid, mg.softplus, mg.tanh, mg.erf, mg.gelu):
    case(f.__name__, f, [-6.0, 0.0, 6.0])
case("gelu", lambda x: mg.gelu(x, approximate="tanh"), real(2, 3))
for f in (sigmoid_gradient, tanh_gradient, gelu_gradient, silu_gradient, abs_gradient):
    case(f.name, f, real(2, 3), real(2, 3))
for alpha in (1.0, 0.7):
    case("elu_gradient", lambda c, x, alpha=alpha: elu_gradient(c, x, alpha), real(2, 3), real(2, 3))
case("huber", lambda d: huber(d, 0.6), [[-1.5, -0.3, 0.0], [0.2, 0.5, 2.0]])
case("gelu_by_erf", gelu_by_erf, real(2, 3))
case("rectified_gradient", lambda c, x: rectified_gradient(c, x, 0.0), real(2, 3), real(2, 3))
case("rectified_gradient", lambda c, x: rectified_gradient(c, x, -0.3), real(2, 3), real(2, 3))
for f in (mg.arcsin, mg.arccos):
    case(f.name, f, [[-0.8, 0.1, 0.6]])
for f in (mg.floor, mg.ceil, mg.round):
    case(f.name, f, [[-1.3, 0.2, 1.8]])
case("round", lambda x: mg.round(x, decimals=1), [-1.32, 0.58])
case("leaky_relu", lambda x: mg.leaky_relu(x, slope=0.3), real(2, 3))
case("leaky_relu", lambda x: mg.leaky_relu(x, slope=-1.0), real(3))
case("elu", lambda x: mg.elu(x, alpha=0.7), real(2, 3))
case("clip", lambda x: mg.clip(x, -0.75, 0.6), [[-1.5, -0.7, 0.0], [0.5, 0.7, 2.0]])
case("clip", lambda x: mg.clip(x, min=0.25), real(2, 3))
case("clip", lambda x: mg.clip(x, max=0), real(2, 3))
case("hardtanh", lambda x: mg.hardtanh(x, -0.25, 2.0), real(2, 3))

# ---- shape -----------------------------------------------------------------------------------------------------------

case("reshape", lambda x: mg.reshape(x, (3, -1)), real(2, 3))
case("reshape", lambda x: mg.reshape(x, -1), real(2, 3))
case("reshape", lambda x: mg.reshape(x, ()), real(1, 1))
case("reshape", lambda x: mg.reshape(x, (3, 0)), real(0, 2))
case("transpose", mg.transpose, real(2, 3))
case("transpose", lambda x: mg.transpose(x, (2, 0, 1)), real(2, 1, 3))
case("transpose", lambda x: mg.transpose(x, (-1, 0, -2)), real(2, 2, 3))
case("swapaxes", lambda x: mg.swapaxes(x, 0, -1), real(2, 1, 3))
case("broadcast_to", lambda x: mg.broadcast_to(x, (2, 4, 3)), real(4, 1))
case("broadcast_to", lambda x: mg.broadcast_to(x, (2, 3)), real())
case("broadcast_to", lambda x: mg.broadcast_to(x, (0, 3)), real(1, 3))
case("squeeze", mg.squeeze, real(1, 3, 1))
case("squeeze", lambda x: mg.squeeze(x, -1), real(1, 3, 1))
case("squeeze", lambda x: mg.squeeze(x, (0, 2)), real(1, 3, 1))
case("unsqueeze", lambda x: mg.unsqueeze(x, 1), real(2, 3))
case("unsqueeze", lambda x: mg.unsqueeze(x, -1), real(2, 3))

case("concatenate", lambda x, y, z: mg.concatenate([x, y, z]), real(2, 3), real(1, 3), real(0, 3))
case("concatenate", lambda x, y: mg.concatenate([x, y], axis=-1), real(2, 3), real(2, 1))
case("concatenate", lambda x, y: mg.concatenate(x, y, axis=-2), real(2, 1, 2), real(2, 2, 2))
case("concatenate", lambda x: mg.concatenate([x, x], axis=1), real(2, 3))
case("stack", lambda x, y: mg.stack([x, y]), real(2, 3), real(2, 3))
case("stack", lambda x, y: mg.stack([x, y], axis=-1), real(2, 3), real(2, 3))
case("split", lambda x: mg.split(x, 3, axis=-1), real(2, 6))
case("split", lambda x: mg.split(x, [1, 1, 3]), real(4, 2))

for mode in ("constant", "edge", "reflect"):
    case("pad", lambda x, mode=mode: mg.pad(x, ((0, 1), (2, 1)), mode), real(2, 3))
    case("pad", lambda x, mode=mode: mg.pad(x, 1, mode), real(2, 3))
case("pad", lambda x: mg.pad(x, (0, 2), constant_values=-1.5), real(2, 3))
for mode in ("edge", "reflect"):
    case("extend", lambda x, mode=mode: extend(x, ((0, 1), (2, 1)), mode), real(2, 3))
    case("fold_back", lambda x, mode=mode: fold_back(x, ((0, 1), (2, 1)), mode), real(3, 6))
case("roll", lambda x: mg.roll(x, 2), real(2, 3))
case("roll", lambda x: mg.roll(x, -1, axis=-1), real(2, 3))
case("roll", lambda x: mg.roll(x, (1, -2), axis=(0, 1)), real(2, 3))
case("flip", mg.flip, real(2, 3))
case("flip", lambda x: mg.flip(x, -1), real(2, 3))
case("flip", lambda x: mg.flip(x, (0, 2)), real(2, 1, 3))
case("cumsum", mg.cumsum, real(2, 3))
case("cumsum", lambda x: mg.cumsum(x, 0), real(3, 2))
case("cumsum", lambda x: mg.cumsum(x, -1), real(2, 3))

INDICES = [
    (),
    1,
    -1,
    (0, 2),
    slice(None, None, -2),
    (..., slice(1, None)),
    (None, slice(None), None, 0),  # new axes
    slice(2, 2),  # nothing
]
for index in INDICES:
    case("getitem", lambda x, index=index: mg.getitem(x, index), real(3, 4))
case("getitem", lambda x, i: x[i], real(3, 2), [2, 0, 2, -1, 2])  # repeated
case("getitem", lambda x, i: x[:, i], real(2, 3), [[1, 1], [0, -1]])
case("getitem", lambda x, i, j: x[i, j], real(2, 3), [[0], [1]], [2, 0, 2])
case("getitem", lambda x, i, j: x[i, :, j], real(2, 1, 3), [0, 0, 1], [2, 2, 0])
case("getitem", lambda x, mask: x[mask], real(2, 3), [[True, False, True], [False, False, True]])
case("getitem", lambda x, mask: x[mask, 1:], real(3, 3), [True, False, True])
case("getitem", lambda x: x[x > 0], [[-1.0, 2.0, 1.5], [0.5, -2.0, -1.5]])

case("scatter", lambda x: mg.scatter(x, 1, (3, 2)), real(2))
case("scatter", lambda x: mg.scatter(x, (slice(None), slice(0, 3, 2)), (2, 4)), real(2, 2))
case("scatter", lambda x: mg.scatter(x, (..., None), (2, 3)), real(2, 3, 1))
case("scatter", lambda x, i: mg.scatter(x, i.data, (4, 2)), real(3, 2), [1, 3, 1])  # repeated
case("scatter", lambda x, i: mg.scatter(x, (slice(None), i.data), (2, 3)), real(2, 4), [1, 1, -1, 1])
case("scatter", lambda x, mask: mg.scatter(x, mask.data, (2, 2)), real(3), [[True, False], [True, True]])

case("take", lambda x, i: mg.take(x, i, axis=-1), real(2, 3), [2, 2, 0])
case("take", lambda x, i: mg.take(x, i), real(2, 3), [[5, 0], [0, -2]])
case("take", lambda x: mg.take(x, 1, axis=0), real(2, 3))
case("take_along_axis", lambda x, i: mg.take_along_axis(x, i, 0), real(3, 2), [[2, 0], [2, 1], [0, 0], [2, 1]])
case("take_along_axis", lambda x, i: mg.take_along_axis(x, i, axis=-1), real(2, 3), [[1], [-1]])
case("take_along_axis", lambda x, i: mg.take_along_axis(x, i, 1), real(2, 3), [[2, 0, 2, 1]])
case("take_along_axis", lambda x, i: mg.take_along_axis(x, i, None), real(2, 2), [3, 0, 3])

case("flatten", mg.flatten, real(2, 3))
case("flatten", lambda x: mg.flatten(x, 1), real(2, 3, 2))
case("flatten", mg.flatten, real())
case("repeat", lambda x: mg.repeat(x, 2), real(2, 3))
case("repeat", lambda x: mg.repeat(x, 3, axis=-1), real(2, 3))
case("repeat", lambda x: mg.repeat(x, [2, 0, 1], axis=1), real(2, 3))
case("tile", lambda x: mg.tile(x, 2), real(2, 3))
case("tile", lambda x: mg.tile(x, (2, 1, 2)), real(3, 1))
case("meshgrid", mg.meshgrid, real(2), real(3))
case("meshgrid", lambda x, y, z: mg.meshgrid(x, y, z, indexing="ij"), real(2), real(3), real(1))
case("diag", mg.diag, real(3))
case("diag", lambda x: mg.diag(x, -1), real(2))
case("diag", lambda x: mg.diag(x, 1), real(2, 3))
for f in (mg.tril, mg.triu):
    case(f.__name__, f, real(2, 3))
    case(f.__name__, lambda x, f=f: f(x, -1), real(2, 3, 3))
case("sort", mg.sort, distinct(2, 3))
case("sort", lambda x: mg.sort(x, axis=0), distinct(3, 2))
case("topk", lambda x: mg.topk(x, 2), distinct(2, 4))
case("topk", lambda x: mg.topk(x, 1, axis=0), distinct(3, 2))

# ---- reductions ------------------------------------------------------------------------------------------------------

for f in (mg.sum, mg.mean, mg.var, mg.std, mg.max, mg.min, mg.prod, mg.logsumexp, mg.norm):
    name = f.__name__
    case(name, f, real(2, 3))
    case(name, f, real())
    case(name, lambda x, f=f: f(x, axis=0), real(2, 3))
    case(name, lambda x, f=f: f(x, axis=-1, keepdims=True), real(2, 3))
    case(name, lambda x, f=f: f(x, axis=(0, -1)), real(2, 3, 2))
    case(name, lambda x, f=f: f(x, axis=(2, 0), keepdims=True), real(1, 2, 3))
    case(name, lambda x, f=f: f(x, axis=1), real(0, 2))
for f in (mg.sum, mg.prod):
    case(f.name, lambda x, f=f: f(x, axis=0), real(0, 2))
    case(f.name, lambda x, f=f: f(x, axis=()), real(2, 3))
case("var", lambda x: mg.var(x, axis=1, ddof=1), real(2, 3))
case("std", lambda x: mg.std(x, axis=1, ddof=1), real(2, 3))
case("prod", mg.prod, [[0.0, 2.0, -1.5]])
case("prod", lambda x: mg.prod(x, axis=-1), [[0.0, 2.0, 0.0], [1.5, 0.0, -0.5], [1.0, 2.0, 0.5]])
case("prod", lambda x: mg.prod(x, axis=(0, 2), keepdims=True), [[[0.0, 2.0], [0.5, 1.0]], [[1.5, -0.5], [0.0, 0.0]]])

for f in (mg.softmax, mg.log_softmax):
    case(f.name, f, real(2, 3))
    case(f.name, lambda x, f=f: f(x, axis=0), real(2, 3))
    case(f.name, lambda x, f=f: f(x, axis=(0, -1)), real(2, 2, 3))
    case(f.name, f, real(0, 2))
case("softmax_gradient", lambda c, y: softmax_gradient(c, y, -1), real(2, 3), real(2, 3))
case("softmax_gradient", lambda c, y: softmax_gradient(c, y, (0, -1)), real(2, 2, 3), real(2, 2, 3))

# ---- normalisation ---------------------------------------------------------------------------------------------------

case("standardize_by", lambda x: mg.standardize(x, 0), real(3, 2))
case("deviation", lambda x: deviation(x, (0,), 0.1, *moments(x, (0,))), real(3, 2))
case("standardize_gradient", lambda c, y, s: standardize_gradient(c, y, s, (0,)), *[real(3, 2)] * 2, positive(1, 2))
for lengths in ((2,), (3, 2)):  # of w and b
    case("normalize_by", lambda x, w, b: mg.instance_norm(x, w=w, b=b), real(3, 2, 3), real(*lengths), real(*lengths))
case("scale_and_shift", scale_and_shift, real(3, 2), real(2), real(3, 1))
case("sum_of_products", lambda x, y: sum_of_products(x, y, (0, 2)), real(3, 2, 2), real(3, 2, 2))
case("standardize", lambda x: mg.standardize(x, (0, -1), eps=0.1), real(2, 2, 2))
case("layer_norm", mg.layer_norm, real(2, 4))
case("layer_norm", lambda x, w, b: mg.layer_norm(x, w=w, b=b), real(2, 4), real(4), real(4))
case("layer_norm", lambda x, w: mg.layer_norm(x, axis=(-2, -1), w=w), real(2, 2, 3), real(2, 3))
case("batch_norm", mg.batch_norm, real(4, 2))
case("batch_norm", lambda x, w, b: mg.batch_norm(x, w=w, b=b), real(2, 2, 3), real(2), real(2))
case("batch_norm", mg.batch_norm, real(2, 3), real(3), positive(3), real(3), real(3))
case("batch_norm", lambda x, m, v: mg.batch_norm(x, m, v, eps=0.1), real(2, 2, 3), real(2), positive(2))

case("divisive_norm", mg.divisive_norm, real(2, 2, 3), positive(2, 2), positive(2))
case("divisive_norm", mg.divisive_norm, real(2, 3), positive(3, 3), positive(3))
case(
    "divisive_norm",
    lambda x, w, b: mg.divisive_norm(x, w, b, inverse=True),
    real(1, 2, 2, 1),
    *[positive(2, 2), positive(2)],
)

# ---- products --------------------------------------------------------------------------------------------------------

case("matmul", mg.matmul, real(2, 3), real(3, 4))
case("matmul", mg.matmul, real(3), real(3))
case("matmul", mg.matmul, real(3), real(3, 2))
case("matmul", mg.matmul, real(2, 3), real(3))
case("matmul", mg.matmul, real(3), real(2, 3, 2))
case("matmul", mg.matmul, real(2, 2, 3), real(3))
case("matmul", mg.matmul, real(2, 1, 2, 3), real(3, 3, 1))  # batches broadcast
case("matmul", mg.matmul, real(2, 0), real(0, 3))
case("matmul", lambda x: x @ x.T, real(2, 3))
case("matmul", mg.matmul, real(1, 2, 3), real(1, 3, 4))  # a batch of one
case("row_products", row_products, real(2, 3))
case("row_products", row_products, real(2, 1, 3, 4))
case("linear", mg.linear, real(4, 3), real(2, 3), real(2))
case("linear", mg.linear, real(4, 3), real(2, 3))
case("linear", mg.linear, real(3), real(2, 3), real(2))
case("linear", mg.linear, real(2, 2, 3), real(1, 3), real(1))
case("outer", mg.outer, real(2), real(3))
case("outer", mg.outer, real(2, 2), real(3))
case("tensordot", mg.tensordot, real(2, 3, 2), real(3, 2, 2))
case("tensordot", lambda x, y: mg.tensordot(x, y, axes=0), real(2), real(3))
case("tensordot", lambda x, y: mg.tensordot(x, y, axes=([0, -1], [1, 0])), real(2, 1, 3), real(3, 2, 2))
case("tensordot", lambda x, y: mg.tensordot(x, y, axes=(1, 0)), real(2, 3), real(3, 1))

case("contract", lambda x, y: contract(x, y, terms=("ij", "jk"), result="ik"), real(2, 3), real(3, 2))
case("contract", lambda x: contract(x, terms=("iji",), result="ij"), real(2, 3, 2))
EINSUMS = {
    "ij,jk->ik": [(2, 3), (3, 4)],
    "bij,bkj->bki": [(2, 2, 3), (2, 1, 3)],
    "ij->ji": [(2, 3)],
    "ii->i": [(3, 3)],  # a diagonal
    "ii": [(3, 3)],  # a trace
    "iij->j": [(2, 2, 3)],
    "iii->i": [(2, 2, 2)],
    "ij->": [(2, 3)],  # letters summed alone
    "ij->j": [(2, 3)],
    "ij,k->k": [(2, 3), (2,)],
    "i,i": [(3,), (3,)],
    "i,j": [(2,), (3,)],
    "...i,i->...": [(2, 2, 3), (3,)],
    "...ij,...jk": [(2, 1, 2, 3), (3, 3, 1)],  # broadcast
    "i...->...": [(2, 3)],
    "a...b->b...": [(2, 2, 3)],
    "ij,jk,kl->il": [(2, 3), (3, 2), (2, 1)],
    ",i->i": [(), (3,)],
    "ij,j->i": [(0, 3), (3,)],
    "ij,ij->": [(2, 1), (2, 3)],  # broadcast too
}
for subscripts, shapes in EINSUMS.items():
    case("einsum", lambda *xs, subscripts=subscripts: mg.einsum(subscripts, *xs), *[real(*shape) for shape in shapes])
case("einsum", lambda x: mg.einsum("ij,kj->ik", x, x), real(2, 3))  # one operand twice
case("einsum", lambda x: mg.einsum("i,i,i->", x, x, x), real(3))

SPARSE = sparse.csr_array([[0.0, 2.0, 0.0, -1.0], [0.0, 0.0, 0.0, 0.0], [0.5, 0.0, 3.0, 0.0]])


def sparse_beside(x):
    """Return SPARSE for x: on its device, in float64 or else float32, as SciPy's have no float16."""
    matrix = SPARSE if x.dtype == np.float64 else SPARSE.astype(np.float32)
    if x.device == "cpu":
        return matrix
    from cupyx.scipy.sparse import csr_matrix

    return csr_matrix(matrix)


case("sparse_matmul", lambda x: mg.sparse_matmul(sparse_beside(x), x), real(4))
case("sparse_matmul", lambda x: mg.sparse_matmul(sparse_beside(x), x), real(4, 2))
case("sparse_product", lambda x: sparse_product(x, sparse_beside(x)), real(4, 2))

# ---- losses ----------------------------------------------------------------------------------------------------------

for loss in (mg.mse_loss, mg.l1_loss, mg.huber_loss, mg.binary_cross_entropy_with_logits):
    name = loss.__name__
    case(name, loss, real(2, 3), positive(2, 3))
    case(name, lambda x, t, loss=loss: loss(x, t, "sum"), real(2, 3), positive(2, 3))
    case(name, lambda x, t, loss=loss: loss(x, t, reduction="none"), real(2, 3), positive(2, 3))
case("huber_loss", lambda x, t: mg.huber_loss(x, t, delta=0.6), [[-1.0, 0.5, 2.0]], [[-0.9, 0.0, -2.0]])
case("logistic_loss", mg.logistic_loss, real(2, 3), positive(3))
case("logistic_loss", mg.logistic_loss, [-8.0, 0.0, 8.0], np.int8([0, 1, 0]))

case("cross_entropy", mg.cross_entropy, real(3, 4), [3, 0, 3])
case("cross_entropy", lambda x, t: mg.cross_entropy(x, t, reduction="none"), real(2, 3, 2), [[0, 2], [1, 1]])
case("cross_entropy", lambda x, t: mg.cross_entropy(x, t, reduction="sum", ignore_index=0), real(3, 2), [0, 1, 0])
case("cross_entropy", mg.cross_entropy, real(3, 2), [-100, 1, 0])
case("nll_loss", mg.nll_loss, real(3, 4), [3, 0, 3])
case("nll_loss", lambda x, t: mg.nll_loss(x, t, reduction="none", ignore_index=1), real(2, 3, 2), [[0, 2], [1, 1]])

case("cross_entropy", lambda x, t: mg.cross_entropy(x, t, weight=[0.5, 2.0, 1.0]), real(2, 3, 2), [[0, 2], [-100, 1]])
case("cross_entropy", lambda x, t: mg.cross_entropy(x, t, label_smoothing=0.3), real(3, 2), [1, -100, 0])
case("cross_entropy", mg.cross_entropy, real(4), 2)
case("bernoulli_loss", mg.bernoulli_loss, probability(2, 3), positive(3))
case("bernoulli_loss", mg.bernoulli_loss, probability(3), np.int8([0, 1, 0]))
case("binary_cross_entropy", mg.binary_cross_entropy, probability(2, 3), positive(2, 3))
case("smooth_l1_loss", lambda x, t: mg.smooth_l1_loss(x, t, beta=0.6), [[-1.0, 0.5, 2.0]], [[-0.9, 0.0, -2.0]])

for y in (real(2, 3), lambda rng: rng.normal(size=(2, 3))):
    case("cosine_similarity", mg.cosine_similarity, real(2, 3), y)
case("cosine_similarity", lambda x, y: mg.cosine_similarity(x, y, axis=0), real(3, 2), real(3, 2))
case("cosine_embedding_loss", lambda x, y: mg.cosine_embedding_loss(x, y, [1, -1], -0.9), real(2, 3), real(2, 3))
case("triplet_margin_loss", lambda a, p, n: mg.triplet_margin_loss(a, p, n, 9.0), *[real(2, 3)] * 3)
case("triplet_margin_loss", lambda a, p, n: mg.triplet_margin_loss(a, p, n, 9.0, p=1), *[real(2, 3)] * 3)

case("gaussian_kl", mg.gaussian_kl, real(2, 3), real(2, 3))
case("gaussian_kl", mg.gaussian_kl, real(2, 3), real(2, 3), real(3), real(3))
case("gaussian_kl", lambda m, v: mg.gaussian_kl(m, v, 0.5, -1, "sum"), real(2, 3), real(2, 3))
case("gaussian_kl", lambda m, v: mg.gaussian_kl(m, v, reduction="none"), real(2, 3), real(2, 3))

# ---- convolution -----------------------------------------------------------------------------------------------------

UNEVEN = {"stride": (2, 3), "padding": ((1, 0), (2, 1)), "dilation": (1, 2)}
GEOMETRY = Geometry((5, 4), (3, 2), (2, 1), ((1, 0), (0, 1)), (1, 2), 2)

case("convolve", lambda x, w: convolve(x, w, geo=GEOMETRY), real(2, 4, 5, 4), real(2, 2, 3, 2))
case("convolve", lambda x, w, b: convolve(x, w, b, GEOMETRY), real(1, 4, 5, 4), real(2, 2, 3, 2), real(2))
case("convolve_transposed", lambda y, w: convolve_transposed(y, w, geo=GEOMETRY), real(2, 2, 2, 3), real(2, 2, 3, 2))
case(
    "convolve_transposed",
    lambda y, w, b: convolve_transposed(y, w, b, GEOMETRY),
    *(real(1, 2, 2, 3), real(2, 2, 3, 2), real(4)),
)
case("convolve_weight", lambda x, y: convolve_weight(x, y, GEOMETRY), real(2, 4, 5, 4), real(2, 2, 2, 3))
case("conv2d", lambda x, w, b: mg.conv2d(x, w, b, **UNEVEN), real(1, 2, 5, 6), real(2, 2, 3, 2), real(2))
case("conv2d", lambda x, w: mg.conv2d(x, w, groups=2), real(2, 2, 3, 4), real(2, 1, 1, 1))
case(
    "conv_transpose2d",
    lambda x, w, b: mg.conv_transpose2d(x, w, b, **UNEVEN),
    real(1, 2, 3, 2),
    real(2, 1, 3, 2),
    real(1),
)
case(
    "conv_transpose2d",
    lambda x, w: mg.conv_transpose2d(x, w, stride=(3, 2), padding=1, output_padding=(2, 1), groups=2),
    *(real(1, 4, 2, 3), real(4, 1, 2, 3)),
)
case(
    "conv_transpose1d",
    lambda x, w, b: mg.conv_transpose1d(x, w, b, stride=2, padding=1, output_padding=1),
    *(real(2, 3, 2), real(3, 2, 3), real(2)),
)
case("conv2d", lambda x, w: mg.conv2d(x, w, padding="same", dilation=(1, 2)), real(1, 2, 3, 4), real(2, 2, 2, 2))
case("conv1d", lambda x, w, b: mg.conv1d(x, w, b, stride=2, padding=1), real(2, 2, 5), real(3, 2, 3), real(3))
case("im2col", lambda x: im2col(x, GEOMETRY), real(2, 2, 5, 4))
case("col2im", lambda x: col2im(x, GEOMETRY), real(2, 12, 6))
case("unfold", lambda x: mg.unfold(x, (2, 3), stride=(2, 1), padding=1), real(1, 2, 3, 4))
case("fold", lambda x: mg.fold(x, (3, 4), (2, 3), stride=(2, 1), padding=1), real(1, 6, 8))

# ---- pooling ---------------------------------------------------------------------------------------------------------

POOLING = Geometry((5, 4), (3, 2), (2, 1), ((1, 0), (1, 1)))
# a pixel of each window, i * 2 + j, some pixels that of two windows
WINNERS = [[[[5, 4, 4, 5, 4], [1, 5, 4, 2, 4]], [[3, 3, 2, 2, 2], [5, 3, 2, 4, 0]]]]


case("max_pool2d", lambda x: mg.max_pool2d(x, 2), distinct(2, 2, 3, 5))
case("max_pool2d", lambda x: mg.max_pool2d(x, (3, 2), (1, 2), padding=(1, 0)), distinct(1, 2, 4, 5))
case("max_pool2d", lambda x: mg.max_pool2d(x, 3, (2, 3), padding=1, ceil_mode=True), distinct(1, 1, 4, 5))
case("max_pool2d_gather", lambda x, i: max_pool2d_gather(x, i.data, POOLING), real(1, 2, 5, 4), WINNERS)
case("max_pool2d_scatter", lambda x, i: max_pool2d_scatter(x, i.data, POOLING), real(1, 2, 2, 5), WINNERS)
case("avg_pool2d", lambda x: mg.avg_pool2d(x, 2), real(2, 2, 3, 5))
case("avg_pool2d", lambda x: mg.avg_pool2d(x, (3, 2), (1, 2), padding=1), real(1, 2, 4, 5))
case("avg_pool2d", lambda x: mg.avg_pool2d(x, 3, 2, 1, ceil_mode=True, count_include_pad=False), real(1, 1, 4, 5))
case("sum_pool2d", lambda x: sum_pool2d(x, POOLING), real(1, 2, 5, 4))
case("sum_unpool2d", lambda x: sum_unpool2d(x, POOLING), real(1, 2, 2, 5))
case("adaptive_avg_pool2d", lambda x: mg.adaptive_avg_pool2d(x, 1), real(2, 2, 3, 4))
case("adaptive_avg_pool2d", lambda x: mg.adaptive_avg_pool2d(x, (2, 5)), real(2, 1, 5, 3))
case("max_pool1d", lambda x: mg.max_pool1d(x, 3, 2, padding=1, ceil_mode=True), distinct(2, 1, 6))
case("avg_pool1d", lambda x: mg.avg_pool1d(x, 3, 2, padding=1, count_include_pad=False), real(2, 1, 6))
case("adaptive_avg_pool1d", lambda x: mg.adaptive_avg_pool1d(x, 2), real(1, 2, 5))

# ---- resampling ------------------------------------------------------------------------------------------------------


def points(height, width, align_corners, *shape):
    """Draw a grid for images of height x width, inside and outside, away from the kinks at and between pixels."""

    def draw(rng):
        axes = []
        for n in (width, height):
            pixel = (
                rng.integers(-2, n + 1, size=shape) + rng.uniform(0.1, 0.4, size=shape) + rng.choice([0, 0.5], shape)
            )
            axes.append(2 * pixel / (n - 1) - 1 if align_corners else (2 * pixel + 1) / n - 1)
        return np.stack(axes, axis=-1)

    return draw


for mode in ("zeros", "border", "reflection"):
    for align in (False, True):
        how = {"padding_mode": mode, "align_corners": align}
        image, grid, samples = positive(1, 2, 3, 4), points(3, 4, align, 1, 2, 3), real(1, 2, 2, 3)
        case("grid_sample_bilinear", lambda x, grid, how=how: grid_sample_bilinear(x, grid, **how), image, grid)
        case("grid_sample", lambda x, grid, how=how: mg.grid_sample(x, grid, mode="nearest", **how), image, grid)
        case("grid_sample_grid", lambda y, x, grid, how=how: grid_sample_grid(y, x, grid, **how), samples, image, grid)
        case(
            "grid_sample_input",
            lambda y, grid, how=how: grid_sample_input(y, grid, (1, 2, 3, 4), **how),
            *(samples, grid),
        )
case("grid_sample", mg.grid_sample, real(2, 1, 2, 3), points(2, 3, False, 2, 3, 1))
case("affine_grid", lambda theta: mg.affine_grid(theta, (2, 1, 3, 2)), real(2, 2, 3))
case("affine_grid", lambda theta: mg.affine_grid(theta, (1, 3, 2, 1), align_corners=True), real(1, 2, 3))
case("upsample", lambda x: mg.upsample(x, size=(5, 4)), real(1, 2, 2, 3))
case("upsample", lambda x: mg.upsample(x, size=(4, 2), mode="bilinear"), real(1, 2, 3, 3))
case("upsample", lambda x: mg.upsample(x, (3, 2)), real(2, 1, 2, 3))
case("upsample", lambda x: mg.upsample(x, (1.5, 3), "bilinear"), real(1, 2, 2, 3))
case("upsample", lambda x: mg.upsample(x, 2, "bilinear", align_corners=True), real(1, 1, 3, 2))
case("pixel_shuffle", lambda x: mg.pixel_shuffle(x, 2), real(1, 8, 1, 3))
case("pixel_unshuffle", lambda x: mg.pixel_unshuffle(x, 2), real(2, 1, 2, 4))

# ---- statistics of images --------------------------------------------------------------------------------------------

case("group_norm", lambda x: mg.group_norm(x, 2), real(1, 4, 2, 1))
case("group_norm", lambda x, w, b: mg.group_norm(x, 1, w, b, eps=0.1), real(2, 2, 1, 2), real(2), real(2, 2))
case("instance_norm", mg.instance_norm, real(2, 1, 2, 3))
case("instance_norm", lambda x, w, b: mg.instance_norm(x, w=w, b=b), real(2, 2, 3), real(2, 2), real(2))
case("total_variation", mg.total_variation, distinct(2, 1, 3, 2))
case("total_variation", lambda x: mg.total_variation(x, order=1), distinct(1, 2, 2, 3))
case("gram_matrix", mg.gram_matrix, real(2, 2, 1, 3))

# ---- recurrent layers ------------------------------------------------------------------------------------------------

alive = np.array([[True, True], [True, False]])  # (T,N): the second sequence ends after its first step
for (steps, batch, size), mask in (((2, 1, 2), None), ((2, 2, 1), alive), ((0, 2, 1), None)):
    u, w, b = real(steps, 3, batch, size), real(3 * size, size), real(3 * size)
    case("gru_states", lambda *x, mask=mask: gru_states(*x, mask), u, real(batch, size), w, b)
for (steps, batch, size), mask in (((2, 1, 1), None), ((1, 1, 2), None), ((2, 2, 1), alive)):
    u, h, w, b = real(steps, 4, batch, size), real(batch, size), real(4 * size, size), real(4 * size)
    case("lstm_states", lambda *x, mask=mask: lstm_states(*x, mask), u, h, h, w, b)
for f in (push_states, pull_states):
    case(f.name, f, real(3, 1, 2, 1), real(2, 1, 1, 2, 1), real(2, 1, 3, 2, 1), real(3, 1))
    case(f.name, f, real(2, 2, 1, 2), real(1, 2, 2, 1, 2), real(1, 2, 1, 1, 2), real(2, 2))
case("gru", mg.gru, real(1, 1, 1), real(1, 1), real(3, 1), real(3, 1), real(3), real(3))
case("gru", lambda *x: mg.gru(*x, lengths=[1, 2], reverse=True), real(2, 2, 1), real(2, 1), real(3, 1), real(3, 1))
case("lstm", lambda *x: mg.lstm(*x, b_hh=[1.0, 2, 3, 4]), real(1, 1, 1), real(1, 1), real(1, 1), real(4, 1), real(4, 1))
case(
    "lstm",
    lambda x, h, c, w: mg.lstm(x, h, c, w, w, lengths=[1, 2], reverse=True),
    *(real(2, 2, 1), real(2, 1), real(2, 1), real(4, 1)),
)
case("gru_cell", mg.gru_cell, real(1, 2), real(1, 1), real(3, 2), real(3, 1), real(3), real(3))
case("lstm_cell", mg.lstm_cell, real(1, 2), real(1, 1), real(1, 1), real(4, 2), real(4, 1), real(4))


# ---- between processes: tests/ranks has real ones --------------------------------------------------------------------


class SecondOfTwo:
    """A rank whose only companion has zeros everywhere, also as cotangents."""

    rank, size = 1, 2

    def sum(self, x):
        return x.copy()

    def gather(self, x, counts):
        return np.concatenate([np.zeros((counts[0], *x.shape[1:]), x.dtype), x])


case("all_reduce", lambda x: all_reduce(x, SecondOfTwo()), real(2, 3))
case("all_gather", lambda x: all_gather(x, SecondOfTwo(), (3, 2)), real(2, 3))
