"""The safeguard keeps the boldest settings of the robustness grid finite."""

import pytest
import torch

from benchmarks.robustness import Cell, Outcome, main, print_tables, train
from workers.problems import build_problem

pytestmark = pytest.mark.training


@pytest.mark.parametrize("fraction", [0.1, 1.0])
def test_the_worst_cells_diverge_without_the_safeguard_and_not_with_it(fraction):
    problem = build_problem("mnist-5k-autoencoder")
    whole = problem.load(torch.device("cpu")).train
    data = whole.take(torch.arange(1600))
    outcomes = {
        guard: train(Cell(guard, fraction, 0.01, 3.0), problem, data, epochs=1, batch=200)
        for guard in ("on", "off")
    }
    assert outcomes["off"].diverged
    assert outcomes["on"].loss < 544  # of the first weights
    assert outcomes["on"].capped > 0


def test_a_file_of_all_runs_is_printed_again_without_training(tmp_path, monkeypatch, capsys):
    trained = []

    def pretend(cell, problem, data, *, epochs, batch):
        trained.append(cell)
        return Outcome(cell, epochs, float("nan") if cell.guard == "off" else 200.0, 3, 1)

    monkeypatch.setattr("benchmarks.robustness.train", pretend)
    for _ in range(2):
        main(["--out", str(tmp_path / "runs.jsonl"), "--epochs", "1"])
    assert len(trained) == len(set(trained)) == 150
    assert "0 / 25 (200.0)" in capsys.readouterr().out


def test_the_table_counts_the_runs_that_ended_in_nan(capsys):
    lost = Outcome(Cell("off", 1.0, 0.3, 0.3), 1, float("nan"), 0, 0)
    kept = Outcome(Cell("off", 1.0, 0.3, 0.1), 1, 150.0, 0, 0)
    print_tables([lost, kept])
    assert "1 / 2 (150.0)" in capsys.readouterr().out
