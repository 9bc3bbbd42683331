"""The kernels' own tests find every fault of a single line that tests/planted_faults.py plants in a NumPy kernel."""

import contextlib
import json
import os
import queue
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.planted_faults import FAULTS, KERNELS, ROOT, planted

PLANTED = [(*where, *fault) for where, faults in FAULTS.items() for fault in faults]
TESTS = {name: " or ".join(dict.fromkeys(f[2] for f in PLANTED if f[1] == name)) for _, name, *_ in PLANTED}
NONE = [("conv.py", name, select, "", "") for name, select in TESTS.items()]  # nothing is planted


def place(fault):
    """Return the file and the line of a fault."""
    file, _, _, right, _ = fault
    text = (KERNELS / file).read_text(encoding="utf-8")
    return f"{file}:{text[: text.find(right)].count(chr(10)) + 1}"


def test_every_numpy_kernel_has_faults_planted_and_each_of_them_has_its_place():
    on_gpus = {"__init__.py", "launch.py", "planes.py"}
    files = {path.name for path in KERNELS.glob("*.py") if not path.name.endswith("_cuda.py")} - on_gpus
    assert {file for file, *_ in PLANTED} == files
    assert len(PLANTED) == len(set(PLANTED)) >= 60
    for file, _, _, right, wrong in PLANTED:
        compile(planted(file, right, wrong), file, "exec")


def test_a_fault_whose_place_is_gone_or_there_twice_is_an_error():
    with pytest.raises(LookupError, match="conv.py holds 0 times, not once: no such line"):
        planted("conv.py", "no such line", "")
    with pytest.raises(LookupError, match=r"conv.py holds \d+ times, not once: return"):
        planted("conv.py", "return", "")


@pytest.fixture(scope="module")
def findings(request):
    """For each fault that a test of this run asks for: the exit status of pytest, and its output, as a future."""
    wanted = [item.callspec.params["fault"] for item in request.session.items if item.path == request.path]
    free = queue.SimpleQueue()

    def find(fault):
        file, name, select, right, wrong = fault
        text = planted(file, right, wrong) if right else (KERNELS / file).read_text(encoding="utf-8")
        server = free.get()
        print(json.dumps([file, text, name, select]), file=server.stdin, flush=True)
        answer = json.loads(server.stdout.readline())
        free.put(server)
        return answer

    command = [sys.executable, "-m", "tests.planted_faults"]
    options = {"cwd": ROOT, "stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    two = dict.fromkeys(("MINIGRAD_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "2")  # on any machine
    with contextlib.ExitStack() as stack:
        for _ in range(2):
            free.put(stack.enter_context(subprocess.Popen(command, env=os.environ | two, **options)))
        pool = ThreadPoolExecutor(2)
        stack.callback(pool.shutdown, cancel_futures=True)
        yield {fault: pool.submit(find, fault) for fault in wanted}


@pytest.mark.faults
@pytest.mark.parametrize("fault", NONE, ids=[*TESTS])
def test_where_no_fault_is_planted_the_tests_of_the_kernels_pass(fault, findings):
    status, output = findings[fault].result()
    assert status == 0, output


@pytest.mark.faults
@pytest.mark.parametrize("fault", PLANTED, ids=place)
def test_a_planted_fault_is_found_by_the_test_that_it_is_planted_for(fault, findings):
    status, output = findings[fault].result()
    assert status == 1 and re.search("^FAILED tests/", output, re.M), output
