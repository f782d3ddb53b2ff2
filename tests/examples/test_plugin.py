"""The example plug-in, installed by pip and compared through the local chain."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from service.contracts.plan import Plan
from service.contracts.report import Report

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "plugin"
LABEL = "kbfgs-plugin-example 0.1.0"

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pip has put the example, from a copy: a build leaves files beside its sources."""
    folder = tmp_path_factory.mktemp("plugin")
    shutil.copytree(EXAMPLE, folder / "source")
    options = ("--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check")
    pip = (sys.executable, "-m", "pip", "install", "-q", *options)
    subprocess.run([*pip, "--target", folder / "site", folder / "source"], check=True)
    return folder / "site"


def command(site: Path, *words: str | Path) -> str:
    """What a command prints where the example is installed."""
    run = subprocess.run(
        [sys.executable, "-m", *map(str, words)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(site), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_the_service_and_the_workers_list_what_it_brings(site: Path) -> None:
    listed = command(site, "service", "plugins")
    assert listed == f"{LABEL}: optimizer lion; problem sine-regression\n"
    assert "sine-regression: Regression 8-32-1" in command(site, "workers", "problems")


def test_it_is_compared_without_a_server(site: Path, tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text(command(site, "service", "plan", EXAMPLE / "comparison.yaml"))
    command(site, "workers", "run", "--local", plan, "--out", tmp_path / "run")
    printed = command(site, "service", "score", tmp_path / "run")
    report = Report.model_validate_json((tmp_path / "run" / "report.json").read_bytes())
    (problem,) = report.problems
    lion, adam = problem.contenders
    assert report.status == "final"
    assert (lion.runs, adam.runs) == (6, 6)
    assert lion.final_loss.median is not None
    assert lion.final_loss.median < 0.5, "it began at 1.67"
    assert problem.title == "Regression 8-32-1 on sines with noise"
    assert "Lion" in problem.sentence
    assert report.plugins == (LABEL,)
    assert f"with the plug-ins {LABEL}" in printed
    assert Plan.model_validate_json(plan.read_bytes()).spec.problems == ("sine-regression",)
