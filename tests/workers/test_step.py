"""One step: what each optimizer asks of a mini-batch, and that all of it is counted."""

import math

import pytest
import torch
from torch import nn

from service.contracts.states import FailureKind
from tests.support.tiny_training import OPTIMIZERS, TinyAutoencoder, run_of, settings_of, trial_plan
from workers.context import TrialFolder
from workers.loop import Diverged
from workers.minibatch import MiniBatch
from workers.optimizers import build_optimizer
from workers.problems import Split
from workers.step import optimization_step, warm_start
from workers.trial import Trial

pytestmark = pytest.mark.training

CPU = torch.device("cpu")
EXTRA_BACKWARDS = {"kfac": 1.0}
"""Backward passes of a step on the forward of another one."""


class Counting(TinyAutoencoder):
    """Counts the rows that its models see while they train."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = 0

    def build_model(self) -> nn.Module:
        model = super().build_model()
        model.register_forward_pre_hook(self._count)
        return model

    def _count(self, model: nn.Module, inputs: tuple[torch.Tensor]) -> None:
        self.rows += len(inputs[0]) * model.training


def steps_of(name: str, *, rows: int = 20, steps: int = 3, **settings: object) -> tuple[list, list]:
    """What steps say they evaluated, and what the model saw, both in mini-batches."""
    torch.manual_seed(0)
    problem = Counting()
    network = problem.build_model()
    optimizer = build_optimizer(name, network, settings_of(name, **settings))
    batch = next(problem.load(CPU).train.cut(rows))
    told, seen = [], []
    for _ in range(steps):
        before = problem.rows
        result = optimization_step(network, optimizer, problem=problem, batch=batch)
        told.append(result.gradient_evaluations)
        seen.append((problem.rows - before) / rows)
    return told, seen


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_pass_over_the_mini_batch_is_counted(name):
    told, seen = steps_of(name)
    assert told == [passes + EXTRA_BACKWARDS.get(name, 0.0) for passes in seen]


@pytest.mark.parametrize(
    ("name", "evaluations"),
    [("adam", 1.0), ("soap", 1.0), ("muon", 1.0), ("kbfgs", 2.0), ("kbfgs-l", 2.0), ("kfac", 2.0)],
)
def test_what_a_step_costs_in_gradients(name, evaluations):
    assert steps_of(name)[0] == [evaluations] * 3


@pytest.mark.parametrize("name", ["kbfgs", "kbfgs-l"])
def test_curvature_of_a_fraction_counts_each_run_of_the_first_rows_by_their_part(name):
    """How often they are run is the library's business: after the step, and before it as needed."""
    told, seen = steps_of(name, curvature_fraction=0.25)
    assert told == seen
    assert {(passes - 1) % 0.25 for passes in told} == {0.0}
    assert all(1 < passes <= 2 for passes in told)


@pytest.mark.parametrize(
    ("fraction", "rows", "first"), [(0.25, 10, 3), (0.14, 50, 7), (1e-9, 20, 1)]
)
def test_the_rows_of_a_fraction_are_those_that_the_library_asks_for(fraction, rows, first):
    """0.14 times 50 lies above 7 in floating-point numbers."""
    told, _ = steps_of("kbfgs", rows=rows, steps=1, curvature_fraction=fraction)
    runs = (told[0] - 1) / (first / rows)
    assert runs == pytest.approx(round(runs))
    assert runs >= 2


def test_steps_that_skip_the_curvature_cost_one_gradient():
    assert steps_of("kbfgs", update_every=2)[0] == [2.0, 1.0, 2.0]


def test_lbfgs_counts_every_gradient_of_its_line_search():
    (first, *_), (seen, *_) = steps_of("lbfgs", max_iter=4)
    assert first == seen
    assert first >= 4


@pytest.mark.parametrize(
    ("name", "evaluations"), [("kbfgs", 0), ("kbfgs-l", 0), ("kfac", 3), ("rmsprop-paper", 3)]
)
def test_the_gradients_of_a_warm_start_are_counted(name, evaluations):
    """Three mini-batches; K-BFGS runs them forward alone."""
    assert run_of(name).begin().gradient_evaluations == evaluations


def test_an_optimizer_without_a_warm_start_is_refused():
    network = TinyAutoencoder().build_model()
    adam = build_optimizer("adam", network, settings_of("adam"))
    with pytest.raises(TypeError, match="Adam has no warm start"):
        warm_start(network, adam, problem=TinyAutoencoder(), batches=[])


def test_a_mini_batch_gives_the_gradient_of_its_first_rows():
    problem = TinyAutoencoder()
    network = problem.build_model()
    rows = next(problem.load(CPU).train.cut(20))
    batch = MiniBatch(network, problem, rows)
    batch.backward()
    loss = batch.backward(first=5)
    given = [weight.grad.clone() for weight in network.parameters()]
    whole = MiniBatch(network, problem, Split(rows.inputs[:5], rows.targets[:5]))
    assert loss == whole.backward()
    pairs = zip(given, network.parameters(), strict=True)
    assert all(torch.equal(one, weight.grad) for one, weight in pairs)
    assert batch.gradient_evaluations == 1.25


def test_the_fisher_targets_of_kfac_are_drawn_from_the_models_own_outputs():
    class Noiseless(TinyAutoencoder):
        def sample_targets(self, outputs):
            assert not outputs.requires_grad
            return outputs

    problem = Noiseless()
    batch = MiniBatch(problem.build_model(), problem, next(problem.load(CPU).train.cut(20)))
    batch.backward(keep_graph=True)
    assert batch.sampled_loss() == 0


def test_targets_can_be_drawn_of_outputs_that_are_not_finite():
    class Coins(TinyAutoencoder):
        def sample_targets(self, outputs):
            return torch.bernoulli(outputs.sigmoid())

    problem = Coins()
    batch = MiniBatch(problem.build_model(), problem, next(problem.load(CPU).train.cut(20)))
    assert batch.sampled_loss(torch.full((20, 12), math.nan)).isnan()


class Poisoned(TinyAutoencoder):
    """Its rows are not finite."""

    def load(self, device):
        splits = super().load(device)
        splits.train.inputs[3, 2] = math.inf
        return splits


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_data_that_are_not_finite_are_divergence_for_every_optimizer(name):
    def train(run):
        run.begin()
        run.epoch()

    run = run_of(name, problem=Poisoned())
    with pytest.raises(Diverged):
        train(run)


def test_a_trial_whose_warm_start_breaks_off_has_diverged(tmp_path):
    trial = Trial(trial_plan("kbfgs"), TrialFolder(tmp_path), problems=lambda name: Poisoned())
    end = trial.start()[-1]
    assert end.outcome == "diverged"
    assert "warm start" in end.message
    again = Trial(trial_plan("kbfgs"), TrialFolder(tmp_path), problems=lambda name: Poisoned())
    assert again.start()[-1].message == end.message


class Normalized(TinyAutoencoder):
    """With batch norm, whose statistics a part of the mini-batch does not have."""

    def build_model(self):
        return nn.Sequential(nn.Linear(12, 6), nn.BatchNorm1d(6), nn.Linear(6, 12))


def test_a_model_that_the_optimizer_cannot_handle_is_a_bad_setting(tmp_path):
    plan = trial_plan("kbfgs", curvature_fraction=0.5)
    end = Trial(plan, TrialFolder(tmp_path), problems=lambda name: Normalized()).start()[-1]
    assert (end.outcome, end.failure) == ("failed", FailureKind.BAD_SETTING)
    assert "curvature_fraction=1.0" in end.message
