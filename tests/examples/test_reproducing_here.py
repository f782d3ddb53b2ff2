"""The paper's comparisons by the local chain: stopped by a limit, resumed, drawn."""

from pathlib import Path

import pytest

from examples.paper import __main__ as reproduce
from examples.paper.deadline import Deadline
from examples.paper.local import LocalChain

SPEC = """
schema_version: 1
name: two methods
problems: [mnist-5k-autoencoder]
contenders:
  - {optimizer: kbfgs, settings: {weight_decay: 1e-5}, space: {lr: {values: [0.3]}}}
  - {optimizer: adam, space: {lr: {values: [0.001]}}}
budget: {epochs: 1}
batch_size: 2000
tuning: {search: grid}
seeds: 1
"""


class EndsAfter:
    """A clock on which the deadline is over once it was asked so often."""

    def __init__(self, asked: int) -> None:
        self._left = asked + 1

    def __call__(self) -> float:
        self._left -= 1
        return 0.0 if self._left > 0 else 1e9


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "two.yaml"
    path.write_text(SPEC)
    return path


@pytest.mark.process
def test_a_comparison_is_stopped_by_the_limit_and_goes_on_to_its_end(
    spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = LocalChain(tmp_path / "out")
    stopped = chain.run(spec, Deadline(1, clock=EndsAfter(2)))
    assert stopped.missing.startswith("stopped by the limit of 1 h")

    monkeypatch.setattr(reproduce, "SPECS", tmp_path)
    monkeypatch.setattr(reproduce, "SMALL", ("two",))
    monkeypatch.delenv("KBFGS_URL", raising=False)
    assert reproduce.main(["--small", "--out", str(tmp_path / "out")]) == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "README.md", "two", "two.png", "two.svg",
    }  # fmt: skip
    page = (tmp_path / "out" / "README.md").read_text()
    assert "| kbfgs | lr 0.3 | 1 of 1 | 1 of 1 |" in page
    assert "Not run" not in page

    done = chain.read(spec)
    assert done.missing == ""
    assert [run.final_loss is None for run in done.runs] == [False] * 4
    ((name, term),) = done.weight_terms
    assert name == "kbfgs"
    assert 1e-4 < term < 0.1  # of its 384,404 weights, mean square 1e-3 and more, times 5e-6


def test_a_comparison_whose_time_is_used_up_is_not_begun(spec: Path, tmp_path: Path) -> None:
    outcome = LocalChain(tmp_path).run(spec, Deadline(0))
    assert outcome.missing == "the limit of 0 h was used up before it began or went on"
    assert not (tmp_path / "two").exists()


@pytest.mark.process
def test_a_comparison_that_cannot_be_planned_tells_why(spec: Path, tmp_path: Path) -> None:
    spec.write_text(SPEC.replace("mnist-5k-autoencoder", "nowhere"))
    outcome = LocalChain(tmp_path).run(spec, Deadline(None))
    assert "problems[0]: unknown problem 'nowhere'" in outcome.missing
    assert outcome.spec is None
