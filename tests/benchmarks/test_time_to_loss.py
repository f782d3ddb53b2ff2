"""The time-to-loss benchmark collects its results over several sittings."""

from pathlib import Path

import pytest
import torch

from benchmarks import time_to_loss
from benchmarks.autoencoder import autoencoder, training_pictures
from benchmarks.contenders import CONTENDERS
from benchmarks.time_to_loss import Result, Task, read
from benchmarks.timed_training import Problem, Progress, train
from tests.support.data_files import noise, write_digits
from workers.data import DataMissing, Library
from workers.data.places import Places

pytestmark = pytest.mark.training

SIZES = (16, 12, 6, 12, 16)
TINY = [
    "--sizes", *map(str, SIZES), "--batch", "20", "--methods", "Adam", "K-BFGS",
    "--points", "2", "--budgets", "0.1", "0.2", "--evaluate-every", "0.05",
]  # fmt: skip


class PowerCut(Exception):
    """The machine goes off."""


@pytest.fixture
def pictures() -> torch.Tensor:
    """60 pictures of 16 pixels with a few smooth causes."""
    generator = torch.Generator().manual_seed(0)
    causes = torch.rand(60, 3, generator=generator)
    return causes @ torch.rand(3, 16, generator=generator) / 3


def cut_power_after(results: int, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = time_to_loss._append
    left = [results]

    def append(result: Result, path: Path) -> None:
        whole(result, path)
        left[0] -= 1
        if not left[0]:
            with path.open("a") as lines:
                lines.write('{"task": {"meth')
            raise PowerCut

    monkeypatch.setattr(time_to_loss, "_append", append)


def test_a_benchmark_that_is_cut_off_twice_makes_every_run_once(
    pictures: torch.Tensor,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    results = tmp_path / "results.jsonl"
    for sitting in (1, 2):
        with monkeypatch.context() as patch:
            cut_power_after(2, patch)
            with pytest.raises(PowerCut):
                time_to_loss.main([*TINY, "--results", str(results)], pictures=lambda: pictures)
        assert len(read(results)) == 2 * sitting
    time_to_loss.main([*TINY, "--results", str(results)], pictures=lambda: pictures)

    done = [(one.task.label, one.task.budget) for one in read(results)]
    assert len(set(done)) == len(done) == 6
    for method in ("Adam", "K-BFGS"):
        first, second = (
            [one for one in read(results) if one.task.method == method and one.task.budget == b]
            for b in (0.1, 0.2)
        )
        best = min(first, key=lambda one: one.final_loss)
        assert [one.task.point for one in second] == [best.task.point]
        assert second[0].curve[: len(best.curve)] == best.curve
        assert second[0].final_loss < best.curve[0][2]
    capsys.readouterr()
    time_to_loss.main(["--report", "--results", str(results), "--levels", "1000", "1"])
    table = capsys.readouterr().out
    assert table.count("> 0.2 s") == 2
    assert table.count(" 0 s") == 2


@pytest.mark.parametrize("method", [name for name in CONTENDERS if name != "Shampoo"])
def test_a_run_continued_from_its_checkpoint_is_the_same_run(
    method: str, tmp_path: Path, pictures: torch.Tensor
) -> None:
    problem = Problem(pictures, batch=20, evaluate_every=1)

    def run(budget: float, name: str) -> Progress:
        contender = CONTENDERS[method]
        trainer = contender.build(autoencoder(SIZES), contender.points[0])
        ticks = iter(range(1000))
        checkpoint = tmp_path / name
        return train(
            trainer, problem, budget=budget, checkpoint=checkpoint, clock=lambda: next(ticks)
        )

    run(8, "parts")
    assert run(20, "parts") == run(20, "whole")


def test_the_clock_stands_still_during_evaluation(tmp_path: Path, pictures: torch.Tensor) -> None:
    contender = CONTENDERS["Adam"]
    trainer = contender.build(autoencoder(SIZES), contender.points[0])
    ticks = iter(range(1000))
    progress = train(
        trainer,
        Problem(pictures, batch=20, evaluate_every=1),
        budget=10,
        checkpoint=tmp_path / "run",
        clock=lambda: next(ticks),
    )
    # A tick for the warm start, and one a step however often it was evaluated.
    assert (progress.seconds, progress.steps) == (10, 9)


def test_pictures_are_read_in_rows_between_zero_and_one(tmp_path: Path) -> None:
    digits = write_digits(tmp_path, train=6, side=4)
    shelf = Library({digits.name: digits}, Places(tmp_path, tmp_path / "cache"))
    pictures = training_pictures(shelf.arrays)
    assert pictures.shape == (6, 16)
    assert torch.equal(pictures * 255, torch.tensor(noise(6, 4, 4)).reshape(6, 16).float())


def test_missing_data_say_which_file_goes_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KBFGS_DATA", str(tmp_path))
    with pytest.raises(DataMissing, match=rf"{tmp_path}/mnist/train-images-idx3-ubyte\.gz"):
        training_pictures()


def test_a_run_that_diverged_is_never_the_best() -> None:
    curve = ((0.0, 0, 500.0), (90.0, 100, 1.0))
    fallen = Result(Task("Adam", {"lr": 1.0}, 90, 0), curve, diverged=True, threads=1)
    alive = Result(Task("Adam", {"lr": 0.1}, 90, 0), curve, diverged=False, threads=1)
    assert min([fallen, alive], key=lambda one: one.final_loss) is alive
