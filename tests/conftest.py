"""What the tests share: repeatable Hypothesis examples, a random generator, and a REGISTRY that tests may plant in."""

import os
import shutil

# Threads of BLAS and of PyTorch that have nothing to do sleep at once. By default they spin for a while, which takes
# the cores from the tests beside them. The libraries read this as they are loaded, so it stands above NumPy's import;
# the processes that tests start inherit it.
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")  # 2^4 cycles, the fewest that it takes; its default is 2^26
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from minigrad import REGISTRY

settings.register_profile(
    "minigrad",
    max_examples=50,
    derandomize=True,  # the same examples in every run: a failure is the code's doing
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("minigrad")


def pytest_addoption(parser):
    parser.addoption("--seeds", type=int, default=1, help="trainings a quality bar is held against, by their median")
    parser.addoption("--mutants", type=int, default=10**6, help="damaged files that the tests marked fuzz read")


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def registry():
    """The REGISTRY; what a test adds to it or takes from it is undone afterwards."""
    before = dict(REGISTRY)
    yield REGISTRY
    REGISTRY.clear()
    REGISTRY.update(before)


@pytest.fixture(scope="session")
def browser():
    """Chromium without a window, for the tests marked browser; they are skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason='pip install -e ".[browser]" brings playwright')
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("there is no chromium; apt-get install chromium brings it")
    options = ["--no-sandbox"] if os.geteuid() == 0 else []  # root has none
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=options)
        yield browser
        browser.close()
