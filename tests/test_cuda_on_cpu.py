"""The harness that runs CUDA kernels on the CPU: it computes what they say, and finds each fault planted in them."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from minigrad.kernels import launch
from tests.cuda_on_cpu import LaunchError, NoCompiler, cpu_module, gxx, nvrtc, sanitize

FAULTS = Path(sanitize.__file__).with_name("faults.cu")
LINES = FAULTS.read_text().splitlines()
KERNELS = sorted(launch.FOLDER.glob("*.cu"))
SEEDS = [0, 1, 2, 3]
X, Y, N = np.zeros(64, np.float32), np.zeros(64, np.float32), np.int32(64)  # legal arguments of neighbour_sums
needs_gxx = pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed, so no kernel runs on the CPU")


@pytest.fixture
def compiled(monkeypatch):
    """Return a function that lets kernels run on the CPU, as cpu_module(...) compiles them, until the test is over."""
    return lambda **options: monkeypatch.setattr(launch, "provider", cpu_module(**options))


def neighbour_sums(n=100):
    """Launch the kernel neighbour_sums on two rows; return its result and the right one."""
    x = np.random.default_rng(0).standard_normal((2, n), dtype=np.float32)
    y = np.full_like(x, np.nan)
    launch.launch(str(FAULTS), "neighbour_sums", (2,), (64,), (x, y, np.int32(n)))
    right = x.copy()
    for i in range(n - 1):
        if i % 64 != 63:
            right[:, i] += x[:, i + 1]
    return y, right


def total(n=100):
    """Launch the kernel total on n numbers; return its result and the right one."""
    x, y = np.arange(n, dtype=np.float64), np.zeros(1)
    launch.launch(str(FAULTS), "total", (-(-n // 32),), (32,), (x, y, np.int64(n)))
    return y, [sum(range(n))]


def call(kernel, *args, grid=(1,), block=(64,)):
    """Launch a kernel of faults.cu."""
    launch.launch(str(FAULTS), kernel, grid, block, args)


@needs_gxx
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("function", [neighbour_sums, total])
def test_right_kernels_give_right_numbers_in_any_order(function, seed, compiled):
    compiled(seed=seed)
    np.testing.assert_array_equal(*function())


@needs_gxx
def test_a_missing_barrier_gives_wrong_numbers_in_some_orders(compiled):
    wrong = []
    for seed in SEEDS:
        compiled(seed=seed, defines=["PLANT_MISSING_BARRIER"])
        y, right = neighbour_sums()
        wrong.append(not np.array_equal(y, right))
    assert wrong == [False, True, True, True]  # luck has it that the ascending order is right


@needs_gxx
@pytest.mark.parametrize("seed", SEEDS)
def test_a_divergent_barrier_is_reported_with_its_block_threads_and_line(seed, compiled):
    compiled(seed=seed, defines=["PLANT_DIVERGENT_BARRIER"])
    line = 1 + next(i for i, text in enumerate(LINES) if "__syncthreads" in text)
    block = 1 if seed == 1 else 0  # that runs first
    message = rf"block \({block},0,0\): thread \(0,0,0\) waits at line {line}, thread \(36,0,0\) has returned"
    with pytest.raises(LaunchError, match=message):
        neighbour_sums(n=100)


@needs_gxx
@pytest.mark.parametrize("seed", SEEDS)
def test_shared_memory_that_was_never_written_is_nan(seed, compiled):
    compiled(seed=seed, defines=["PLANT_UNWRITTEN_SHARED"])
    y, _ = neighbour_sums(n=40)
    assert np.isnan(y[:, 39]).all() and not np.isnan(y[:, :39]).any()


DIVERGENT = """
extern "C" __global__ void two_lines(float* x)
{
    if (threadIdx.x < 16)
        __syncthreads();
    else
        __syncthreads();
}
extern "C" __global__ void not_all_of_a_warp(float* x)
{
    __syncthreads();
    if (threadIdx.x != 40)
        __syncwarp();
}
"""


@needs_gxx
@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        ("two_lines", r"thread \(0,0,0\) waits at line 5, thread \(16,0,0\) waits at line 7"),
        ("not_all_of_a_warp", r"thread \(32,0,0\) waits at line 13 for its warp, thread \(40,0,0\) has returned"),
    ],
)
def test_threads_must_meet_at_one_barrier(kernel, message, tmp_path, compiled):
    path = tmp_path / "divergent.cu"
    path.write_text(DIVERGENT)
    compiled()
    with pytest.raises(LaunchError, match=message):
        launch.launch(str(path), kernel, (1,), (64,), (X,))


WARP = """
template <class T> __device__ T warp_sum(T v)
{
    for (int d = 16; d > 0; d /= 2) v += __shfl_down_sync(0xffffffffu, v, d);
    return __shfl_sync(0xffffffffu, v, 0);
}
template <int N> __device__ int shared_in_a_template(int v)
{
    __shared__ int one;
    if (threadIdx.x == N) one = v;
    __syncthreads();
    return one;
}
__device__ __forceinline__ int exchange(int v)
{
    __shared__ __align__(16) int pair[2][64];
    pair[0][threadIdx.x] = v;
    __syncwarp();
    return reinterpret_cast<const int4*>(pair[0])[threadIdx.x / 4].w;
}
extern "C" __global__ void warps(double* sums, int* others)
{
    const int t = threadIdx.x;
    sums[t] = warp_sum(double(t));
    others[t] = __shfl_xor_sync(0xffffffffu, t, 3);
    others[64 + t] = __shfl_up_sync(0xffffffffu, t, 1);
    others[128 + t] = shared_in_a_template<5>(t);
    others[192 + t] = exchange(t);
}
"""


@needs_gxx
@pytest.mark.parametrize("seed", SEEDS)
def test_warps_exchange_values_and_any_function_may_share_memory(seed, tmp_path, compiled):
    path = tmp_path / "warps.cu"
    path.write_text(WARP)
    compiled(seed=seed)
    sums, others, t = np.full(64, np.nan), np.full((4, 64), -1, np.int32), np.arange(64)
    launch.launch(str(path), "warps", (1,), (64,), (sums, others))
    np.testing.assert_array_equal(sums, np.repeat([t[:32].sum(), t[32:].sum()], 32))
    np.testing.assert_array_equal(others, [t ^ 3, np.where(t % 32, t - 1, t), np.full(64, 5), t | 3])


@needs_gxx
@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((X, Y), "takes 3 arguments, got 2"),
        ((X, Y, 64), "argument 2 must be np.int32, got int 64"),
        ((X, Y, np.int64(64)), r"argument 2 must be np.int32, got int64 np.int64\(64\)"),
        ((X, Y, N[None]), "argument 2 must be np.int32, got a C-contiguous array of int32"),
        ((X, N, N), "argument 1 must be a C-contiguous array of float32, or None, got int32"),
        ((X.astype(float), Y, N), "argument 0 must be .* float32, or None, got a C-contiguous array of float64"),
        ((np.zeros(128, np.float32)[::2], Y, N), "argument 0 must be .* got a non-contiguous array of float32"),
    ],
)
def test_arguments_that_a_gpu_would_misread_are_refused(args, message, compiled):
    compiled()
    with pytest.raises(LaunchError, match=f"neighbour_sums: {message}"):
        call("neighbour_sums", *args)


@needs_gxx
@pytest.mark.parametrize(
    ("grid", "block", "message"),
    [
        ((1,), (65,), "more threads than the kernel's __launch_bounds__"),
        ((1,), (1025,), "a block has 1 to 1024 threads"),
        ((1,), (1, 0), "a block has 1 to 1024 threads"),
        ((1,), (1, 1, 65), "at most 64 of them along z"),
        ((1, 65536), (64,), "a grid has 1 to 2147483647 x 65535 x 65535 blocks"),
        ((1, 1, 65536), (64,), "a grid has 1 to 2147483647 x 65535 x 65535 blocks"),
        ((0,), (64,), "a grid has 1 to"),
        ((-1,), (64,), "a grid has 1 to"),
        ((1, 1, 1, 1), (64,), r"one to three sizes, got \(1, 1, 1, 1\)"),
    ],
)
def test_grids_and_blocks_that_a_gpu_would_refuse_are_refused(grid, block, message, compiled):
    compiled()
    with pytest.raises(LaunchError, match=message):
        call("neighbour_sums", X, Y, N, grid=grid, block=block)


@needs_gxx
def test_a_kernel_that_is_not_there_is_refused_with_those_that_are(compiled):
    compiled()
    with pytest.raises(LaunchError, match="faults.cu has no kernel 'tota'; it has neighbour_sums, total"):
        call("tota")


@needs_gxx
def test_a_file_that_does_not_compile_is_reported_by_its_own_line(tmp_path, compiled):
    path = tmp_path / "broken.cu"
    path.write_text('\n\nextern "C" __global__ void broken(float* x) { x = y; }\n')
    compiled()
    with pytest.raises(RuntimeError, match=r"broken.cu:3:\d+: error: .y. was not declared"):
        launch.launch(str(path), "broken", (1,), (1,), (X,))


def test_a_missing_compiler_is_named(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NoCompiler, match=re.escape("g++")):
        gxx([])


def sanitized(*args, **options):
    """Return sanitize.report's report; skip the test where that sanitizer is missing."""
    try:
        return sanitize.report(*args, **options)
    except sanitize.NoSanitizer as error:
        pytest.skip(str(error))


@needs_gxx
@pytest.mark.parametrize("function", [neighbour_sums, total])
@pytest.mark.parametrize("sanitizer", sanitize.FLAGS)
def test_the_sanitizers_find_nothing_in_right_kernels(sanitizer, function):
    assert sanitized(sanitizer, f"tests.test_cuda_on_cpu:{function.__name__}", seed=2) == ""


@needs_gxx
@pytest.mark.parametrize(
    ("sanitizer", "function", "plant", "finding"),
    [
        ("address", neighbour_sums, "PLANT_GLOBAL_OUT_OF_BOUNDS", "heap-buffer-overflow"),
        ("address", neighbour_sums, "PLANT_SHARED_OUT_OF_BOUNDS", "global-buffer-overflow"),
        ("address", total, "PLANT_MISALIGNED", "misaligned address"),
        ("thread", neighbour_sums, "PLANT_MISSING_BARRIER", "data race"),  # in the order that gives right numbers
        ("thread", total, "PLANT_RACE", "data race"),
    ],
)
def test_the_sanitizers_find_the_planted_fault(sanitizer, function, plant, finding):
    found = sanitized(sanitizer, f"tests.test_cuda_on_cpu:{function.__name__}", defines=[plant])
    assert re.search(finding, found) and f"{FAULTS.name}:" in found, found


@pytest.mark.parametrize("path", [FAULTS, *KERNELS], ids=lambda path: path.name)
def test_kernels_compile_for_a_gpu_and_keep_their_values_in_registers(path):
    try:
        usage = nvrtc.usage(path)
    except nvrtc.NoNvrtc as error:
        pytest.skip(str(error))
    print(f"\n{path.name:40} registers   spilled bytes   shared bytes")
    for kernel, (registers, spilled, shared) in usage.items():
        print(f"{kernel:40} {registers:9} {spilled:15} {shared:14}")
    assert usage
    assert not {kernel for kernel, needs in usage.items() if needs.spilled}
