"""Settings of all tests: one thread each, so that they do not fight for the cores."""

import os

from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")

# A busy machine is no failure, and a failure in CI must come back at the next run.
settings.register_profile("kbfgs", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("kbfgs")
