"""The wheel holds the optimizer alone, and nothing committed names this machine."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_the_wheel_holds_kbfgs_alone() -> None:
    from setuptools import find_packages

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    include = project["tool"]["setuptools"]["packages"]["find"]["include"]
    packages = find_packages(str(ROOT), include=include)
    assert packages
    assert {package.split(".")[0] for package in packages} == {"kbfgs"}


def test_the_optimizer_needs_torch_alone() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert [re.split(r"[<>=~]", need)[0] for need in project["project"]["dependencies"]] == [
        "torch"
    ]


def test_every_dependency_is_pinned_by_the_constraints() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    pinned = {
        line.split("==")[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line
    }
    needed = {
        re.split(r"[\[<>=~]", need)[0].strip().lower().replace("_", "-")
        for group in project["dependency-groups"].values()
        for need in group
        if isinstance(need, str)
    }
    assert needed <= pinned


def test_no_home_or_temporary_path_is_committed() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    pattern = r"(^|[^A-Za-z0-9_.])/(root|home/[a-z]+|tmp|work|Users)/"
    found = subprocess.run(
        ["git", "grep", "-nIE", pattern, "--", ".", f":!{Path(__file__).relative_to(ROOT)}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode in (0, 1), found.stderr
    allowed = "deploy/docker/worker.Dockerfile"  # a path inside the image
    lines = [line for line in found.stdout.splitlines() if not line.startswith(allowed)]
    assert lines == []
