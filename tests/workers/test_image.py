"""The workers' image holds fewer files than a checkout: a driver works from them alone."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = ["workers.driver", "workers.search", "workers.trainable", "workers.trial", "kbfgs"]


pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def image(tmp_path_factory) -> Path:
    """A folder with what the image's recipe copies of the packages."""
    folder = tmp_path_factory.mktemp("image")
    recipe = (ROOT / "deploy/docker/worker.Dockerfile").read_text()
    copied = re.findall(r"^COPY (\S+) (\S+)$", recipe, flags=re.MULTILINE)
    assert {source for source, _ in copied} >= {"kbfgs", "workers", "service/contracts"}
    for source, target in copied:
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / source, folder / target, ignore=ignored)
        else:
            shutil.copy(ROOT / source, folder / target)
    assert not (folder / "service" / "domain").exists()
    return folder


def call(image: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=image, env={**kept, "PYTHONPATH": str(image)}, timeout=120,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_modules_of_a_driver_and_its_trials_load(image):
    code = (
        f"import sys, importlib\nfor name in {MODULES}: importlib.import_module(name)\n"
        "print('\\n'.join(m.__file__ for n, m in sys.modules.items() "
        "if n.split('.')[0] in ('kbfgs', 'service', 'workers')))"
    )
    loaded = call(image, "-c", code)
    assert loaded.returncode == 0, loaded.stderr
    files = loaded.stdout.split()
    assert len(files) > 20
    assert all(Path(file).is_relative_to(image) for file in files)


def test_a_driver_without_its_environment_says_so(image):
    refused = call(image, "-m", "workers", "run")
    assert refused.returncode == 2
    assert refused.stderr.startswith("not set: KBFGS_STUDY_ID")


def test_a_local_run_is_refused_in_one_line(image):
    refused = call(image, "-m", "workers", "run", "--local", "plan.json")
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert "--local needs the module service.domain" in refused.stderr
