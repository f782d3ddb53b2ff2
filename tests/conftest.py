"""Settings of all tests: one thread each, a cache of their own, and nothing from the network."""

import atexit
import gc
import os
import shutil
import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("KBFGS_OFFLINE", "1")
if "KBFGS_DATA_CACHE" not in os.environ:  # else it is that of the process that runs the workers
    os.environ["KBFGS_DATA_CACHE"] = tempfile.mkdtemp(prefix="kbfgs-cache-")
    atexit.register(shutil.rmtree, os.environ["KBFGS_DATA_CACHE"], ignore_errors=True)

# A busy machine is no failure, and a failure in CI must come back at the next run.
settings.register_profile("kbfgs", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("kbfgs")


@pytest.fixture(scope="session", autouse=True)
def imports_are_set_apart() -> Iterator[None]:
    """Each training run collects garbage first: 0.2 s with all that the tests import, else 5 ms."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
