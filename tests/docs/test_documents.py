"""What the README shows works as it stands there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from service.contracts.catalogue import built_in
from service.contracts.documents import read_document
from service.domain.planning import read_spec

ROOT = Path(__file__).parents[2]


def blocks(language: str) -> list[str]:
    found = re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert found, f"the README has no {language}"
    return found


@pytest.mark.process
def test_the_optimizer_alone_lowers_the_loss() -> None:
    (code,) = blocks("python")
    one_step = code.replace("range(100)", "range(1)")
    assert one_step != code
    run = subprocess.run(
        [sys.executable, "-c", f"{one_step}\n{code}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    before, after = map(float, run.stdout.split())
    assert after < 0.5 * before


@pytest.mark.parametrize("spec", [*blocks("yaml"), *sorted((ROOT / "examples").glob("*.yaml"))])
def test_every_spec_that_is_shown_can_be_run(spec: str | Path) -> None:
    text = spec.read_text() if isinstance(spec, Path) else spec
    read_spec(read_document(text), built_in())


def test_every_make_target_that_is_named_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    text = (ROOT / "README.md").read_text() + (ROOT / "CONTRIBUTING.md").read_text()
    named = set(re.findall(r"^make ([a-z-]+)|`make ([a-z-]+)`", text, re.MULTILINE))
    targets = {first or second for first, second in named}
    assert targets
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)


def test_every_file_that_is_linked_exists() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text())
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]


def test_every_feature_names_a_test_that_exists_or_says_not_yet() -> None:
    table = (ROOT / "docs/features.md").read_text().splitlines()
    rows = [line.split("|")[3].strip() for line in table if line.startswith("|")][2:]
    assert rows
    shown = [row.strip("`") for row in rows if row != "not yet"]
    assert not [path for path in shown if not (ROOT / path).is_file()]


def test_every_line_of_the_threat_model_names_a_test_that_exists() -> None:
    text = (ROOT / "docs/security.md").read_text()
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text)
    assert len(named) > 30
    missing = [
        (path, test)
        for path, test in named
        if not (ROOT / path).is_file() or f"def {test}" not in (ROOT / path).read_text()
    ]
    assert not missing


def test_nothing_is_left_to_fill_in() -> None:
    text = (ROOT / "README.md").read_text()
    assert not re.findall(r"^(?:[A-Z]+_)*[A-Z]{4,}$", text, re.MULTILINE)
