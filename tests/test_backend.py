"""Devices, and the one clear error where there is no GPU."""

import sys
import types

import numpy as np
import pytest

import minigrad as mg
from minigrad import backend, nn


def no_gpu():
    try:
        backend.gpu()
    except RuntimeError:
        return True
    return False


@pytest.mark.skipif(not no_gpu(), reason="there is a GPU here")
@pytest.mark.parametrize(
    "move", [lambda: mg.Tensor([1.0]).to("cuda"), lambda: nn.ReLU().to("cuda") and mg.Tensor([1.0]).to("cuda:1")]
)
def test_asking_for_a_gpu_that_is_not_there_raises_instead_of_falling_back(move):
    with pytest.raises(RuntimeError, match="no GPU: CuPy"):
        move()


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "CPU", "", None, 0])
def test_an_unknown_device_is_refused(name):
    with pytest.raises(ValueError, match="unknown device .*; choose 'cpu', 'cuda', 'cuda:0'"):
        mg.Tensor([1.0]).to(name)


def test_operands_on_two_devices_are_refused_by_the_ops_name(monkeypatch):
    class Elsewhere(np.ndarray):  # an array that is no plain ndarray, on another device
        device = types.SimpleNamespace(id=0)

    monkeypatch.setitem(sys.modules, "cupy", types.SimpleNamespace(ndarray=Elsewhere))
    monkeypatch.setattr(backend, "device_of", lambda a: "cuda:0" if type(a) is Elsewhere else "cpu")
    there = mg.Tensor.wrap(np.ones(2).view(Elsewhere))
    with pytest.raises(
        ValueError, match=r"multiply: operands on cpu and cuda:0; move them together with .to\(device\)"
    ):
        mg.Tensor([1.0, 2.0]) * there


def test_a_gpu_that_cannot_run_a_kernel_is_no_gpu(monkeypatch):
    def fail(*_):
        raise OSError("libnvrtc.so not found")

    monkeypatch.setitem(sys.modules, "cupy", types.SimpleNamespace(ndarray=tuple, RawKernel=fail))
    backend.gpu.cache_clear()
    try:
        with pytest.raises(RuntimeError, match="no GPU: CuPy cannot run a kernel here .*libnvrtc"):
            backend.gpu()
    finally:
        backend.gpu.cache_clear()
