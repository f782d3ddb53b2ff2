"""The table of what data cost has a line for each problem, with its data or without."""

from pathlib import Path

import pytest

from benchmarks.loading import Cost, main

pytestmark = pytest.mark.training


def test_a_problem_with_data_and_one_without_each_have_their_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KBFGS_DATA", str(tmp_path))
    main(["--problems", "mnist-5k-autoencoder", "curves-autoencoder", "--steps", "2"])
    here, away = capsys.readouterr().out.splitlines()[2:]
    cells = [cell.strip() for cell in here.strip("|").split("|")]
    assert cells[0] == "mnist-5k-autoencoder"
    assert all(float(cell.rstrip("%")) >= 0 for cell in cells[1:])
    assert away.startswith("| curves-autoencoder | curves is missing |")


def test_loading_counts_once_and_batching_in_every_step() -> None:
    found = Cost(prepared=9.0, loaded=0.5, batching=0.01, training={"SGD": 1.0}, steps=10)
    assert found.share("SGD") == pytest.approx((0.5 + 0.1) / 10)
