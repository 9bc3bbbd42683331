"""The worker threads: whatever is raised, interrupted or computed beside it, the next kernel has all of them.

And what is the same to the last bit: a kernel alone and among many callers, with its workers and without.
"""

import os
import subprocess
import sys
import textwrap
import threading
import time
import warnings

import numpy as np
import pytest

from minigrad.kernels import conv, recurrent, threads
from minigrad.kernels.geometry import Geometry
from minigrad.kernels.matmul import matmul


@pytest.fixture(autouse=True)
def two_threads(monkeypatch):
    monkeypatch.setenv("MINIGRAD_NUM_THREADS", "2")


def parts():
    """Return the threads that a kernel's parts ran in; no thread takes two, as the parts wait for each other."""
    met, names = threading.Barrier(2), []

    def part(start, stop):
        met.wait(30)
        names.append(threading.current_thread().name)

    threads.parallel(part, 2, work=1e9)
    return names


def blas():
    return [library.get_num_threads() for library in threads._blas()]


@pytest.fixture
def two_threads_of_blas():
    """BLAS has two threads, as a user may have set it, on any number of cores."""
    before = blas()
    for library in threads._blas():
        library.set_num_threads(2)
    yield
    for library, count in zip(threads._blas(), before):
        library.set_num_threads(count)


def in_a_process(program, *arguments):
    """Run a program that prints; return its lines."""
    program = "import sys; sys.path.insert(0, '.')\n" + textwrap.dedent(program)
    ran = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=120, cwd=os.getcwd()
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    return ran.stdout.splitlines()


def calls():
    """Return kernels large enough for two threads, by name."""
    rng = np.random.default_rng(0)
    geo = Geometry((20, 24), (3, 3), (1, 1), ((1, 1), (1, 1)))
    x, w = rng.normal(size=(8, 16, 20, 24)).astype("f"), rng.normal(size=(16, 16, 3, 3)).astype("f")
    g = rng.normal(size=x.shape).astype("f")
    a, b = rng.normal(size=(401, 127)), rng.normal(size=(127, 203))
    return {
        "conv2d": lambda: conv.conv2d(x, w, geo),
        "conv_transpose2d": lambda: conv.conv_transpose2d(g, w, geo),
        "conv2d_weight": lambda: conv.conv2d_weight(x, g, geo),
        "matmul": lambda: matmul(a, b),
        "matmul in float32": lambda: matmul(a.astype("f"), b.astype("f")),
    }


# ---- the same bits ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", calls())
def test_many_callers_at_once_get_the_bits_of_one_alone(name):
    f = calls()[name]
    alone, found = f().tobytes(), []
    callers = [threading.Thread(target=lambda: found.extend(f().tobytes() for _ in range(5))) for _ in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(timeout=60)
    assert len(found) == 40 and all(bits == alone for bits in found)


@pytest.mark.parametrize("name", calls())
def test_another_number_of_threads_changes_roundings_at_most(name, monkeypatch):
    f = calls()[name]
    two = f()
    for count in ("1", "3"):
        monkeypatch.setenv("MINIGRAD_NUM_THREADS", count)
        y = f()
        np.testing.assert_allclose(y, two, rtol=0, atol=32 * np.finfo(y.dtype).eps * np.abs(two).max())


@pytest.mark.parametrize("name", calls())
def test_a_caller_without_workers_gets_the_same_bits(name, monkeypatch):
    f = calls()[name]
    two = f().tobytes()
    monkeypatch.setattr(threads, "_workers", [])
    monkeypatch.setattr(threads, "_parts", threads.SimpleQueue())
    monkeypatch.setattr(threading.Thread, "start", no_thread)
    with pytest.warns(RuntimeWarning, match="minigrad runs on 1 threads: can't start new thread"):
        assert f().tobytes() == two


@pytest.mark.parametrize(
    "f, count",
    [
        (lambda rng: matmul(rng.random((576, 32), np.float32), rng.random((32, 192), np.float32)), 1),
        (lambda rng: matmul(rng.random((32, 192), np.float32), rng.random((192, 1728), np.float32)), 2),
        (lambda rng: matmul(rng.random((576, 32)), rng.random((32, 240))), 2),
        (lambda rng: matmul(rng.random((4, 64, 64), np.float32), rng.random((4, 64, 64), np.float32)), 1),
        (lambda rng: gru(rng, 64, 64), 1),
        (lambda rng: gru(rng, 128, 128), 2),
    ],
)
def test_a_second_core_is_woken_only_for_calls_that_gain_from_it(f, count, monkeypatch):
    cuts, run = [], threads._with_one_blas_thread
    monkeypatch.setattr(threads, "_with_one_blas_thread", lambda f, cut: (cuts.append(len(cut) - 1), run(f, cut)))
    f(np.random.default_rng(0))
    assert cuts == [count]


def gru(rng, N, H):
    u, w = rng.random((2, 3, N, H), np.float32), rng.random((3 * H, H), np.float32)
    return recurrent.gru_states(u, u[0, 0], w, w[:, 0], None)


# ---- several callers -------------------------------------------------------------------------------------------------


def test_callers_take_turns_and_each_has_all_threads_in_its_own():
    now, most, done = [], [], []

    def part(start, stop):
        now.append(1)
        most.append(len(now))
        time.sleep(0.001)
        now.pop()

    def caller():
        for _ in range(10):
            threads.parallel(part, 2, work=1e9)
            done.append(threading.get_ident())

    callers = [threading.Thread(target=caller) for _ in range(8)]
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join(timeout=60)
    assert len(done) == 80 and len(most) == 160
    assert max(most) == 2


def test_a_kernel_in_a_signal_handler_does_not_wait_for_the_kernel_it_interrupts():
    lines = in_a_process(
        """
        import signal
        import numpy as np
        from minigrad.kernels.matmul import matmul
        x = np.ones((128, 128), "f")
        found = []
        def interrupt(*_):
            found.append(matmul(x, x).sum())
            signal.setitimer(signal.ITIMER_REAL, 3e-4)  # once more, so that handlers never pile up
        signal.signal(signal.SIGALRM, interrupt)
        signal.setitimer(signal.ITIMER_REAL, 1e-4)
        while len(found) < 200:
            matmul(x, x)
        signal.setitimer(signal.ITIMER_REAL, 0)
        print(set(found) == {128.0 ** 3})
        """
    )
    assert lines == ["True"]


# ---- what goes wrong -------------------------------------------------------------------------------------------------


def test_after_a_wrong_number_of_threads_the_next_kernel_has_all_of_them(monkeypatch):
    monkeypatch.setenv("MINIGRAD_NUM_THREADS", "abc")
    with pytest.raises(ValueError, match="MINIGRAD_NUM_THREADS is 'abc'; it must be a whole number from 1"):
        threads.parallel(lambda start, stop: None, 2, work=1e9)
    monkeypatch.setenv("MINIGRAD_NUM_THREADS", "2")
    assert len(set(parts())) == 2


def no_thread(self):
    raise RuntimeError("can't start new thread")


def test_after_a_thread_that_would_not_start_kernels_are_whole_and_the_next_has_two(monkeypatch):
    monkeypatch.setattr(threads, "_workers", [])
    monkeypatch.setattr(threads, "_parts", threads.SimpleQueue())
    seen = []
    with monkeypatch.context() as failing:
        failing.setattr(threading.Thread, "start", no_thread)
        for _ in range(2):
            with pytest.warns(RuntimeWarning, match="can't start new thread"):
                threads.parallel(lambda start, stop: seen.append((start, stop)), 2, work=1e9)
    assert seen == [(0, 1), (1, 2)] * 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(set(parts())) == 2


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, GeneratorExit, MemoryError])
@pytest.mark.parametrize("failing", ["the worker's part", "the caller's part", "both"])
def test_what_a_part_raises_is_raised_by_the_call_and_the_next_has_two_threads(error, failing, two_threads_of_blas):
    met, caller = threading.Barrier(2), threading.get_ident()

    def part(start, stop):
        met.wait(30)
        if failing == "both" or (threading.get_ident() == caller) == (failing == "the caller's part"):
            raise error("here")

    with pytest.raises(error, match="here"):
        threads.parallel(part, 2, work=1e9)
    assert set(blas()) == {2}
    assert len(set(parts())) == 2


def test_a_part_that_an_interrupted_call_left_behind_is_not_run(monkeypatch):
    monkeypatch.setattr(threads, "_workers", [threading.current_thread()])  # nobody takes a part but the caller
    monkeypatch.setattr(threads, "_parts", threads.SimpleQueue())
    ran = []

    def part(start, stop):
        ran.append(start)
        if len(ran) == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        threads.parallel(part, 2, work=1e9)
    threads.parallel(lambda start, stop: None, 2, work=1e9)
    assert ran == [0] and threads._parts.empty()


INTERRUPTED = """
    import random, signal, sys, threading, time
    import numpy as np
    from minigrad.kernels import threads
    from minigrad.kernels.matmul import matmul

    def blas():
        return [library.get_num_threads() for library in threads._blas()]

    x = np.ones((96, 96), "f")
    y = np.ones((160, 160), "f")
    for library in threads._blas():
        library.set_num_threads(2)
    assert blas() and set(blas()) == {2}
    matmul(y, y)
    armed = False

    def ctrl_c(*_):
        if armed:
            raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, ctrl_c)
    random.seed(0)
    every, seconds = float(sys.argv[1]), float(sys.argv[2])
    interrupts = wrong = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            armed = True
            signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, 3e-4), every)
            while True:
                matmul(x, x)
                matmul(y, y)
        except KeyboardInterrupt:
            while True:
                try:
                    armed = False
                    break
                except KeyboardInterrupt:  # the next one has come already
                    pass
        signal.setitimer(signal.ITIMER_REAL, 0)
        interrupts += 1
        wrong += set(blas()) != {2}
    met, names = threading.Barrier(2), set()

    def part(start, stop):
        met.wait(30)
        names.add(threading.get_ident())

    threads.parallel(part, 2, 1e9)
    print(interrupts, wrong, len(names), set(blas()) == {2}, bool((matmul(y, y) == 160).all()))
    """


@pytest.mark.parametrize("every", ["0", "5e-5"], ids=["one at a time", "one after the other"])
def test_ctrl_c_at_any_moment_of_a_kernel_leaves_blas_its_threads_and_the_next_kernel_two(every):
    (line,) = in_a_process(INTERRUPTED, every, "3")
    interrupts, wrong, used, restored, right = line.split()
    assert int(interrupts) > 300
    assert (wrong, used, restored, right) == ("0", "2", "True", "True")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_process_forked_beside_a_kernel_has_the_threads_of_blas_and_two_of_its_own():
    lines = in_a_process(
        """
        import os, sys, threading, warnings
        from minigrad.kernels import threads
        warnings.simplefilter("ignore")

        def blas():
            return [library.get_num_threads() for library in threads._blas()]

        for library in threads._blas():
            library.set_num_threads(2)
        begun, release = threading.Barrier(3), threading.Event()

        def part(start, stop):
            begun.wait(30)
            release.wait(30)

        kernel = threading.Thread(target=threads.parallel, args=(part, 2, 1e9))
        kernel.start()
        begun.wait(30)
        assert set(blas()) == {1}
        if os.fork() == 0:
            met, names = threading.Barrier(2), []
            before = set(blas())
            threads.parallel(lambda a, b: (met.wait(30), names.append(a)), 2, 1e9)
            print(before, sorted(names), set(blas()), flush=True)
            os._exit(0)
        print(os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
        release.set()
        kernel.join(30)
        print(set(blas()))
        """
    )
    assert lines == ["{2} [0, 1] {2}", "0", "{2}"]
