"""The first run stands for a run of its first rows where, and only where, it tells the same."""

import io

import pytest
import torch
from torch import nn

from kbfgs import KBFGS, ClosureError
from kbfgs.capture import Run
from kbfgs.checks import READ_EVERY_STEPS
from tests.support.networks import closure_for, data, half_squared_error, network, weight_matrices

SIZES = (7, 9, 4)
ROWS, HEAD = 40, 10


class Counting:
    """A training that notes what its curvature closure is run for."""

    def __init__(self, model, *, loss=half_squared_error, cut=None, lr=0.1):
        self.model, self.loss = model, loss
        self.cut = cut or (lambda x, rows: x[:rows])
        self.opt = KBFGS(model, lr=lr, curvature_fraction=HEAD / ROWS)
        self.runs: list[Run] = []

    def step(self, x, y):
        def part():
            self.runs.append(self.opt._capture.run)
            return self._run(self.cut(x, HEAD), y[:HEAD])

        return self.opt.step(lambda: self._run(x, y), curvature_closure=part)

    def _run(self, x, y):
        self.opt.zero_grad()
        loss = self.loss(self.model(x), y)
        loss.backward()
        return loss


class Distrustful(Counting):
    """The same training, but every sample is run."""

    def step(self, x, y):
        self.opt._passes.head_reuse.distrust()
        return super().step(x, y)


def batches(count):
    return [data(ROWS, SIZES[0], SIZES[-1], seed=1 + k % 3) for k in range(count)]


def train(training, count=6):
    for x, y in batches(count):
        training.step(x, y)
    return weight_matrices(training.model)


def furthest(one, other):
    return max(float((a - b).abs().max()) for a, b in zip(one, other, strict=True))


FULL, SHORT = [Run.SAMPLE, Run.PROBE, Run.SECOND], [Run.PROBE, Run.SECOND]


def test_after_one_comparison_a_probe_stands_for_a_sample():
    training = Counting(network(*SIZES))
    train(training)
    assert training.runs == FULL + 5 * SHORT


def test_a_probe_goes_back_to_the_last_layer_alone():
    training = Counting(network(*SIZES))
    (x, y), *_ = batches(1)
    training.step(x, y)
    came = []

    def hook(_module, _inputs, output):
        if training.opt._capture.run is Run.PROBE and output.requires_grad:
            output.register_hook(lambda gradient: came.append(gradient.shape))

    for layer in (training.model[0], training.model[2]):
        layer.register_forward_hook(hook)
    training.step(x, y)
    assert came == [(HEAD, SIZES[-1])]


def test_the_weights_are_those_of_a_training_that_runs_every_sample():
    reused, sampled = Counting(network(*SIZES)), Distrustful(network(*SIZES))
    assert furthest(train(reused), train(sampled)) < 1e-12
    assert sampled.runs.count(Run.SAMPLE) == 6


def test_the_comparison_is_repeated():
    training = Counting(network(*SIZES), lr=1e-3)
    train(training, count=READ_EVERY_STEPS + 2)
    assert training.runs == FULL + READ_EVERY_STEPS * SHORT + FULL


def half_squared_sum(outputs, targets):
    """Not the mean over the rows, so that the whole batch says nothing of its first rows' g."""
    return half_squared_error(outputs, targets) * len(targets) / 7


def with_dropout():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(7, 9), nn.Dropout(0.3), nn.ReLU(), nn.Linear(9, 4)).double()


@pytest.mark.parametrize(
    ("make", "options"),
    [(with_dropout, {}), (lambda: network(*SIZES), {"loss": half_squared_sum})],
    ids=["dropout", "a loss that is no mean"],
)
def test_where_the_first_run_does_not_tell_every_sample_is_run(make, options):
    torch.manual_seed(5)
    reused = Counting(make(), **options)
    weights = train(reused)
    torch.manual_seed(5)
    assert furthest(weights, train(Distrustful(make(), **options))) == 0.0
    assert reused.runs == 6 * [Run.SAMPLE, Run.SECOND]


class TimeFirst(nn.Module):
    """A sequence model that gets (rows, time, features) and works on (time, rows, features)."""

    def __init__(self):
        super().__init__()
        self.body = network(*SIZES)

    def forward(self, x):
        return self.body(x.transpose(0, 1)).transpose(0, 1)


def test_rows_that_do_not_come_first_are_noticed():
    torch.manual_seed(2)
    x, y = torch.randn(ROWS, 5, 7).double(), torch.randn(ROWS, 5, 4).double()
    loss = nn.functional.mse_loss
    reused, sampled = Counting(TimeFirst(), loss=loss), Distrustful(TimeFirst(), loss=loss)
    for _ in range(4):
        reused.step(x, y)
        sampled.step(x, y)
    assert furthest(weight_matrices(reused.model.body), weight_matrices(sampled.model.body)) == 0.0
    assert reused.runs == 4 * [Run.SAMPLE, Run.SECOND]


def test_images_through_a_convolution_tell_of_their_first_rows():
    def make():
        torch.manual_seed(0)
        layers = (nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(100, 4))
        return nn.Sequential(*layers).double()

    x, y = torch.randn(ROWS, 2, 5, 5).double(), torch.randn(ROWS, 4).double()
    reused, sampled = Counting(make()), Distrustful(make())
    for _ in range(4):
        reused.step(x, y)
        sampled.step(x, y)
    for one, other in zip(reused.model.parameters(), sampled.model.parameters(), strict=True):
        assert torch.allclose(one, other, rtol=1e-12, atol=1e-13)
    assert reused.opt.state_dict()["kbfgs"]["head_reuse"] == {"heads": ["3"], "used": 3}


def test_micro_batches_are_sampled():
    model = network(*SIZES)
    opt = KBFGS(model, lr=0.1, curvature_fraction=HEAD / ROWS)
    runs = []

    def accumulated(rows, parts):
        def closure():
            runs.append(rows)
            opt.zero_grad()
            total = torch.zeros((), dtype=x.dtype)
            for some in torch.arange(rows).chunk(parts):
                loss = half_squared_error(model(x[some]), y[some]) / parts
                loss.backward()
                total = total + loss.detach()
            return total

        return closure

    x, y = data(ROWS, SIZES[0], SIZES[-1])
    for _ in range(3):
        opt.step(accumulated(ROWS, 4), curvature_closure=accumulated(HEAD, 1))
    assert runs == [ROWS, HEAD, HEAD] * 3


def test_a_saved_training_continues_bit_for_bit():
    training = Counting(network(*SIZES))
    train(training, count=3)
    file = io.BytesIO()
    torch.save((training.model.state_dict(), training.opt.state_dict()), file)
    file.seek(0)
    model_state, state = torch.load(file, weights_only=True)
    twin = Counting(network(*SIZES))
    twin.model.load_state_dict(model_state)
    twin.opt.load_state_dict(state)
    assert furthest(train(training, count=3), train(twin, count=3)) == 0.0
    assert twin.runs == 3 * SHORT


def test_a_trusted_closure_that_turns_to_other_rows_is_refused():
    training = Counting(network(*SIZES))
    (x, y), *_ = batches(1)
    training.step(x, y)
    training.cut = lambda x, rows: x[-rows:]
    with pytest.raises(ClosureError, match="saw another batch"):
        training.step(x, y)


class Masked:
    """Sequences of uneven lengths: the loss is a mean over what is not padding, for each output."""

    def __init__(self, make):
        self.model = make()
        self.opt = KBFGS(self.model, lr=0.1, curvature_fraction=HEAD / ROWS)
        self.runs: list[Run] = []

    def step(self, x, targets, masks):
        def run(rows):
            self.runs.append(self.opt._capture.run)
            self.opt.zero_grad()
            found = self.model(x[:rows])
            loss = sum(
                ((output - y[:rows]) ** 2).mean(-1)[mask[:rows]].mean()
                for output, y, mask in zip(found, targets, masks, strict=True)
            )
            loss.backward()
            return loss

        self.opt.step(lambda: run(ROWS), curvature_closure=lambda: run(HEAD))


class TwoHeads(nn.Module):
    """A head on the hidden layer, and one that is called after it."""

    def __init__(self):
        super().__init__()
        self.body, self.first, self.last = nn.Linear(7, 9), nn.Linear(9, 4), nn.Linear(9, 4)

    def forward(self, x):
        hidden = torch.tanh(self.body(x))
        return self.first(hidden), self.last(hidden)


@pytest.mark.parametrize("padded", [0, 1], ids=["first head", "last head"])
def test_a_mean_over_what_is_no_padding_is_noticed_in_the_first_batch_that_has_some(padded):
    def make():
        torch.manual_seed(0)
        return TwoHeads().double()

    generator = torch.Generator().manual_seed(1)
    x = torch.randn(ROWS, 5, 7, dtype=torch.float64, generator=generator)
    targets = [torch.tanh(x[..., :4]), torch.tanh(x[..., 3:])]
    lengths = torch.randint(1, 6, (ROWS, 1), generator=generator)
    whole = torch.ones(ROWS, 5, dtype=torch.bool)
    masks = [whole, whole]
    masks[padded] = torch.arange(5) < lengths
    reused, sampled = Masked(make), Masked(make)
    for step in range(4):
        sampled.opt._passes.head_reuse.distrust()
        for training in (reused, sampled):
            training.step(x, targets, masks if step > 1 else [whole, whole])
    runs = [run for run in reused.runs if run is not Run.FIRST]
    assert runs == [*FULL, *SHORT, Run.PROBE, Run.SAMPLE, Run.SECOND, Run.SAMPLE, Run.SECOND]
    for one, other in zip(reused.model.parameters(), sampled.model.parameters(), strict=True):
        assert torch.allclose(one, other, rtol=1e-12, atol=1e-13)


def test_a_step_is_judged_by_the_same_rows_where_the_others_have_a_far_larger_loss():
    """The first rows' loss rises by far more than was promised, but stays below the batch's."""
    training = Counting(network(*SIZES))
    (x, y), *_ = batches(1)
    y[HEAD:] *= 30
    training.step(x, y)
    weights = [parameter.detach().clone() for parameter in training.model.parameters()]
    before = float(half_squared_error(training.model(x), y).detach())

    def loss(outputs, targets):
        value = half_squared_error(outputs, targets)
        return value + 0.9 * before if training.opt._capture.run is Run.SECOND else value

    training.loss = loss
    training.step(x, y)
    assert training.opt.diagnostics().rejected_steps == 1
    for old, new in zip(weights, training.model.parameters(), strict=True):
        assert torch.equal(old, new)


def test_a_step_stands_where_the_first_rows_have_a_far_larger_loss_before_and_after():
    training = Counting(network(*SIZES))
    (x, y), *_ = batches(1)
    y[:HEAD] *= 30
    for _ in range(3):
        training.step(x, y)
    assert training.opt.diagnostics().rejected_steps == 0


def test_the_closure_that_runs_every_row_is_the_paper_and_needs_no_sample():
    model = network(*SIZES)
    opt = KBFGS(model)
    (x, y), *_ = batches(1)
    opt.step(closure_for(opt, model, x, y))
    assert opt.state_dict()["kbfgs"]["head_reuse"] == {"heads": [], "used": 0}
