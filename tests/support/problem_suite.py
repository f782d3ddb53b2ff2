"""What every problem must show, to be inherited by a class for each of them."""

import os
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor, nn

from service.contracts.catalogue import ProblemEntry, built_in
from tests.support.problem_arrays import generated
from tests.support.small_problems import small
from tests.support.tiny_training import settings_of
from workers.data import Arrays, DataMissing, arrays
from workers.evaluation import evaluate
from workers.loop import RunSettings, TrainingRun
from workers.problems import FACTORIES, Classifying, Problem, Splits
from workers.problems.stored import Source
from workers.seeding import initial_weights

Weights = dict[str, npt.NDArray[Any]]

CPU = torch.device("cpu")
BATCH_SIZE = 6
DRAWS, MOST_OUTPUTS = 400, 11
"""So many draws tell the means of so many outputs from others."""
LOOKED_AT = 100
"""Training rows of the real files that the loss is computed on by hand."""


class ProblemSuite:
    """Laws of one problem; a subclass names it and gives its loss by hand."""

    name: str
    row: tuple[int, ...]
    """Shape of a row as the model sees it."""
    output: tuple[int, ...]
    """Shape of what the model gives for a row."""
    lr: float = 1e-3
    """Of Adam, at which the steps of a short epoch lower the loss."""

    def make(self, source: Source) -> Problem:
        """The problem on these data."""
        if source is generated:
            return small(self.name)
        return FACTORIES[self.name](source=source)  # type: ignore[call-arg]

    def loss_by_hand(self, found: Arrays, weights: Weights, rows: int) -> float:
        """The loss of the first training rows of these arrays, by numpy in float64."""
        raise NotImplementedError

    def means(self, outputs: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """What draws have in the mean: a value for each pixel, or a share for each class."""
        raise NotImplementedError

    def drawn(self, sampled: Tensor) -> Tensor:
        """What of a draw has that mean."""
        return sampled

    @property
    def entry(self) -> ProblemEntry:
        """What the catalogue says of it."""
        entry = built_in().problem(self.name)
        assert entry is not None
        return entry

    @pytest.fixture(scope="class", params=["generated", "real"])
    @classmethod
    def source(cls, request: pytest.FixtureRequest) -> Source:
        """Generated arrays, and the real ones where the environment says where they lie."""
        if request.param == "generated":
            return generated
        data = cls().entry.data
        if data is None:
            pytest.skip("it reads no data")
        if "KBFGS_DATA" not in os.environ:
            pytest.skip("KBFGS_DATA is not set: tried on generated data only")
        try:
            arrays(data)
        except DataMissing as error:
            pytest.skip(f"tried on generated data only: {error}")
        return arrays

    @pytest.fixture(scope="class")
    @classmethod
    def runs(cls) -> dict[str, list[float | None]]:
        """The losses of a short epoch, twice with one seed and once with another."""
        seeds = {"first": 1, "again": 1, "other": 2}
        return {name: cls().losses(seed) for name, seed in seeds.items()}

    def losses(self, seed: int) -> list[float | None]:
        """The training loss before and after a short epoch of Adam."""
        run = TrainingRun(
            self.make(generated),
            RunSettings(
                optimizer="adam",
                settings=settings_of("adam", lr=self.lr),
                seed=seed,
                batch_size=BATCH_SIZE,
                epochs=1,
                divergence_loss=self.entry.divergence_loss,
                device=CPU,
            ),
        )
        return [run.begin().train_loss, run.epoch().train_loss]

    def test_rows_and_outputs_have_their_shapes_and_the_loss_is_one_number(
        self, source: Source
    ) -> None:
        problem = self.make(source)
        splits = problem.load(CPU)
        model = problem.build_model()
        for split in filter(None, (splits.train, splits.validation, splits.test)):
            batch = split.take(torch.tensor([2, 0]) % len(split))
            outputs = model(batch.inputs)
            assert batch.inputs.shape == (2, *self.row)
            assert outputs.shape == (2, *self.output)
            assert problem.loss(outputs, batch.targets).shape == ()
        if source is arrays:
            self.holds_the_rows_of_the_catalogue(splits)

    def holds_the_rows_of_the_catalogue(self, splits: Splits) -> None:
        """The real data are as many rows as the catalogue says."""
        entry = self.entry
        assert len(splits.train) == entry.training_rows
        assert len(splits.test) == entry.test_rows
        held_out = 0 if splits.validation is None else len(splits.validation)
        assert held_out == entry.validation_rows

    def test_the_loss_of_the_first_weights_is_the_hand_computed_one(self, source: Source) -> None:
        problem = self.make(source)
        with initial_weights(3):
            model = problem.build_model()
        train = problem.load(CPU).train
        rows = min(len(train), LOOKED_AT)
        found = evaluate(model, problem, train.take(torch.arange(rows))).loss
        weights = {name: value.double().numpy() for name, value in model.state_dict().items()}
        data = source(self.entry.data) if self.entry.data else {}
        assert found == pytest.approx(self.loss_by_hand(data, weights, rows), rel=2e-6)

    def test_a_short_epoch_lowers_the_loss(self, runs: dict[str, list[float]]) -> None:
        before, after = runs["first"]
        assert after < before

    def test_a_seed_fixes_the_losses_and_another_changes_them(
        self, runs: dict[str, list[float]]
    ) -> None:
        assert runs["first"] == runs["again"]
        assert all(a != b for a, b in zip(runs["first"], runs["other"], strict=True))

    def test_targets_are_drawn_from_what_the_outputs_say(self) -> None:
        problem = self.make(generated)
        shape = (2, *(3 for _ in self.output[:-1]), min(self.output[-1], MOST_OUTPUTS))
        outputs = torch.randn(shape, generator=torch.Generator().manual_seed(0)).requires_grad_()
        torch.manual_seed(0)
        draws = [problem.sample_targets(outputs) for _ in range(DRAWS)]
        assert not any(draw.requires_grad for draw in draws)
        assert problem.loss(outputs, draws[0]).isfinite()
        values = torch.stack([self.drawn(draw) for draw in draws]).double()
        expected = torch.from_numpy(self.means(outputs.detach().double().numpy()))
        error = values.std(0) / DRAWS**0.5
        assert torch.all((values.mean(0) - expected).abs() <= 5 * error + 3 / DRAWS)

    def test_the_catalogue_says_what_the_problem_is(self) -> None:
        problem, entry = self.make(generated), self.entry
        assert problem.name == self.name
        assert (entry.classes is not None) == isinstance(problem, Classifying)
        assert (entry.validation_rows > 0) == (problem.load(CPU).validation is not None)
        norms = [one for one in problem.build_model().modules() if isinstance(one, nn.BatchNorm2d)]
        assert entry.exchangeable_ranks == (not norms)

    def test_a_model_is_built_without_the_data_which_are_missed_when_they_are_read(self) -> None:
        if self.entry.data is None:
            return
        problem = self.make(missing)
        assert next(problem.build_model().parameters()).isfinite().all()
        with pytest.raises(DataMissing, match=f"^{self.entry.data} is nowhere$"):
            problem.load(CPU)


def missing(name: str) -> Arrays:
    """A source without any data."""
    raise DataMissing(f"{name} is nowhere")


def shares(outputs: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """softmax over the last axis."""
    powers = np.exp(outputs)
    return np.asarray(powers / powers.sum(-1, keepdims=True))
