"""Every op: its forward and its gradient rules side by side. A new op goes into the file of its kind."""

from .. import methods
from .activations import elu, gelu, hardtanh, leaky_relu, relu, silu, softplus
from .arithmetic import add, astype, divide, maximum, minimum, multiply, negative, power, subtract, to_device, where
from .arrange import diag, flatten, meshgrid, repeat, tile, tril, triu
from .conv import (
    conv2d,
    conv_matrix,
    conv_transpose2d,
    fold,
    unfold,
)
from .conv1d import conv1d, conv_transpose1d
from .creation import arange, from_dlpack, full, full_like, one_hot, ones, ones_like, zeros, zeros_like
from .cross_entropy import cross_entropy, nll_loss
from .distances import cosine_embedding_loss, cosine_similarity, triplet_margin_loss
from .divisive import divisive_norm
from .elementwise import (
    abs,
    clip,
    erf,
    exp,
    expm1,
    log,
    log1p,
    log2,
    reciprocal,
    sigmoid,
    sign,
    sqrt,
    square,
    tanh,
)
from .losses import (
    bernoulli_loss,
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    gaussian_kl,
    gram_matrix,
    huber_loss,
    l1_loss,
    logistic_loss,
    mse_loss,
    smooth_l1_loss,
    total_variation,
)
from .matmul import einsum, linear, matmul, outer, tensordot
from .normalize import batch_norm, group_norm, instance_norm, layer_norm, standardize
from .ordering import argsort, sort, topk
from .padding import pad
from .pool import (
    adaptive_avg_pool2d,
    avg_pool2d,
    max_pool2d,
)
from .pool1d import adaptive_avg_pool1d, avg_pool1d, max_pool1d
from .recurrent import gru, gru_cell, lstm, lstm_cell
from .reduce import (
    all,
    any,
    argmax,
    argmin,
    max,
    mean,
    min,
    norm,
    prod,
    std,
    sum,
    var,
)
from .resample import affine_grid, grid_sample
from .resize import pixel_shuffle, pixel_unshuffle, upsample
from .rounding import ceil, floor, floor_divide, remainder, round
from .shape import (
    broadcast_to,
    concatenate,
    cumsum,
    flip,
    getitem,
    reshape,
    roll,
    scatter,
    split,
    squeeze,
    stack,
    swapaxes,
    take,
    take_along_axis,
    transpose,
    unsqueeze,
)
from .softmax import log_softmax, logaddexp, logsumexp, softmax
from .sparse import sparse_matmul
from .trigonometry import arccos, arcsin, arctan, arctan2, cos, cosh, sin, sinh, tan

# What only other ops are made of: in the registry, and so checked like all, but no part of mg. They are imported from
# their files, as in `from minigrad.ops.conv import convolve`.
_INTERNAL = {"contract", "row_products", "sparse_product"}
_INTERNAL |= {"convolve", "convolve_transposed", "convolve_weight", "im2col", "col2im"}
_INTERNAL |= {"sum_of_products", "scale_and_shift", "normalize_by", "deviation"}
_INTERNAL |= {"standardize_by", "standardize_gradient"}
_INTERNAL |= {"abs_gradient", "elu_gradient", "gelu_by_erf", "gelu_gradient", "huber", "rectified_gradient"}
_INTERNAL |= {"sigmoid_gradient", "silu_gradient", "softmax_gradient", "tanh_gradient"}
_INTERNAL |= {"extend", "fold_back"}
_INTERNAL |= {"max_pool2d_gather", "max_pool2d_scatter", "sum_pool2d", "sum_unpool2d"}
_INTERNAL |= {"gru_states", "lstm_states", "push_states", "pull_states"}
_INTERNAL |= {"all_reduce", "all_gather"}
_INTERNAL |= {"grid_sample_bilinear", "grid_sample_input", "grid_sample_grid"}

vars(methods.ops).update({name: f for name, f in globals().items() if callable(f)})  # Tensor's operators find them here
