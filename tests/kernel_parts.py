"""What tests of the NumPy kernels share: work cut into parts, scratch memory that holds NaN, orders in memory."""

import itertools

import numpy as np

ORDERS = {  # how the axes of an array (N,C,H,W) lie in memory, the outermost first
    "C": (0, 1, 2, 3),
    "Fortran": (3, 2, 1, 0),
    "batch innermost": (1, 2, 3, 0),
}


def in_order(a, order):
    """Return a (N,C,H,W) with the same elements, which lie in memory in one of ORDERS."""
    axes = ORDERS[order]
    return np.ascontiguousarray(a.transpose(axes)).transpose(np.argsort(axes))


def cut_into(parts):
    """Return a stand-in for threads.parallel: f is called on so many parts of range(n), the last one first."""

    def parallel(f, n, work):
        assert work >= 0
        cuts = sorted({n * i // parts for i in range(parts + 1)})
        for start, stop in reversed([*itertools.pairwise(cuts)]):
            f(start, stop)
        if n == 0:
            f(0, 0)

    return parallel


def cut(monkeypatch, parts, *modules):
    """Let kernels run in parts, each in scratch memory that is full of NaN at first."""
    for module in modules:
        if hasattr(module, "parallel"):
            monkeypatch.setattr(module, "parallel", cut_into(parts))
        if hasattr(module, "scratch"):
            monkeypatch.setattr(module, "scratch", spoiled(module.scratch))


def spoiled(scratch):
    """Return a stand-in for threads.scratch, whose memory is full of NaN."""

    def full(name, dtype, *shape):
        memory = scratch(name, dtype, *shape)
        if memory.dtype.kind == "f":
            memory.fill(np.nan)
        return memory

    return full


def assert_close(got, want, dtype, factor=32):
    """Compare with float64 numbers, to within what rounding explains; the dtype must be that of the operands."""
    assert got.dtype == dtype
    assert got.shape == want.shape
    largest = max(1.0, np.abs(want).max(initial=0))
    np.testing.assert_allclose(got, want, rtol=0, atol=factor * np.finfo(dtype).eps * largest)
