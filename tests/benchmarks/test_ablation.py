"""The ablation table holds every variant at its best settings."""

import math

import pytest

from benchmarks import ablation
from benchmarks.ablation import VARIANTS, Run, Variant, row

pytestmark = pytest.mark.training


def test_the_table_has_a_line_for_each_variant(capsys: pytest.CaptureFixture[str]) -> None:
    names = ["K-BFGS", "H_g = I"]
    ablation.main(["--epochs", "1", "--seeds", "1", "--variants", *names])
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert [line.split(" | ")[0].removeprefix("| ") for line in lines[2:]] == names
    losses = [float(line.split(" | ")[1]) for line in lines[2:]]
    assert all(loss < 543 for loss in losses)
    assert losses[0] != losses[1]


def test_a_line_holds_medians_over_the_seeds_and_counts_those_that_diverged() -> None:
    finals = [
        Run((5.0, 4.0), 1.0, 0.5),
        Run((5.0, math.inf), 1.0, 0.0),
        Run((7.0, 6.0), 3.0, 0.1),
    ]
    line = row("x", finals, at=(0.1, 0.3), shown=[1, 2])
    assert line == "| x | 5.0 | 6.0 | lr 0.1, damping 0.3 | 1 of 3 | 20.0% | 1.00 |"


def test_a_variant_trains_on_fresh_seeds_where_the_search_was_best(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []

    def train(variant: Variant, *, lr: float, damping: float, epochs: int, seed: int) -> Run:
        seen.append(seed)
        return Run((abs(lr - 0.3) + abs(damping - 0.1),), 1.0, 0.0)

    monkeypatch.setattr(ablation, "train", train)
    best, finals = ablation.compared(VARIANTS["K-BFGS"], epochs=1, seeds=2)
    assert best == (0.3, 0.1)
    assert [run.losses for run in finals] == [(0.0,)] * 2
    assert seen == [0] * len(ablation.POINTS) + [1, 2]


def test_each_switch_is_in_the_table() -> None:
    switches = [variant.ablation for variant in VARIANTS.values() if variant.ablation is not None]
    assert any(switch.identity_output_factor for switch in switches)
    assert any(switch.input_inverse_every is not None for switch in switches)
    assert any(not switch.powell_damping for switch in switches)
    assert any(not switch.identity_damping for switch in switches)
