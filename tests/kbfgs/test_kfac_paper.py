"""KFAC against an independent float64 transcription, with given targets."""

import pytest
import torch

from kbfgs import KFAC
from tests.support.fisher_closures import fisher_closures, fisher_difference, put_fisher_state
from tests.support.kfac_oracle import Fisher, FisherState
from tests.support.networks import data, half_squared_error, network, relative, weight_matrices

pytestmark = pytest.mark.training

SIZES = (7, 9, 5, 4)
cases = pytest.mark.parametrize(
    ("warm", "weight_decay", "again"),
    [
        ("nothing", 0.0, False),
        ("inputs", 1e-2, False),
        ("both", 0.0, True),
        ("both", 1e-2, False),
    ],
)


def batches(count: int, rows: int = 30) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Inputs, targets, and what stands for targets sampled from the model."""
    found = []
    for k in range(count):
        x, y = data(rows + k, SIZES[0], SIZES[-1], seed=1 + k)
        _, sampled = data(rows + k, SIZES[0], SIZES[-1], seed=100 + k)
        found.append((x, y, sampled))
    return found


def start(
    *, lr: float, warm: str, weight_decay: float, inverse_every: int = 20
) -> tuple[Fisher, FisherState, KFAC, torch.nn.Module]:
    model = network(*SIZES)
    options = {"lr": lr, "damping": 0.3, "weight_decay": weight_decay}
    fisher = Fisher(half_squared_error, inverse_every=inverse_every, **options)
    state = fisher.initial(weight_matrices(model))
    opt = KFAC(model, safeguard=None, inverse_every=inverse_every, **options)
    if warm != "nothing":
        sampled = [t for _, _, t in batches(3)]
        fisher.warm_start(state, [x for x, _, _ in batches(3)], sampled if warm == "both" else None)
        given = iter(sampled)
        loss = (lambda out: half_squared_error(out, next(given))) if warm == "both" else None
        with opt.warm_start(loss):
            for x, _, _ in batches(3):
                model(x)
    return fisher, state, opt, model


@cases
def test_each_of_50_steps_from_equal_states_is_the_transcriptions(warm, weight_decay, again):
    fisher, state, opt, model = start(lr=0.5, warm=warm, weight_decay=weight_decay)
    worst = 0.0
    stream = batches(5)
    for step in range(50):
        put_fisher_state(opt, model, state)
        x, y, sampled = stream[step % 5]
        opt.step(*fisher_closures(opt, model, x, y, sampled, again=again))
        fisher.step(state, x, y, sampled)
        worst = max(worst, fisher_difference(opt, model, state))
    assert worst < 1e-12


@cases
def test_a_free_run_of_30_steps_stays_on_the_transcriptions_path(warm, weight_decay, again):
    fisher, state, opt, model = start(lr=0.1, warm=warm, weight_decay=weight_decay, inverse_every=4)
    stream = batches(4)
    for step in range(30):
        x, y, sampled = stream[step % 4]
        opt.step(*fisher_closures(opt, model, x, y, sampled, again=again))
        fisher.step(state, x, y, sampled)
        assert fisher_difference(opt, model, state) < 1e-10


def test_four_micro_batches_are_one_batch():
    x, y, sampled = batches(1, rows=32)[0]
    whole, parts = network(*SIZES), network(*SIZES)
    opt, parts_opt = KFAC(whole, lr=0.1), KFAC(parts, lr=0.1)
    outputs: list[torch.Tensor] = []
    pieces = [slice(start, start + 8) for start in range(0, 32, 8)]

    def closure():
        parts_opt.zero_grad()
        outputs[:] = [parts(x[piece]) for piece in pieces]
        losses = [
            half_squared_error(out, y[piece]) / 4
            for out, piece in zip(outputs, pieces, strict=True)
        ]
        for loss in losses:
            loss.backward(retain_graph=True)
        return sum(loss.detach() for loss in losses)

    def fisher_closure():
        return half_squared_error(torch.cat(outputs), sampled)

    for _ in range(5):
        opt.step(*fisher_closures(opt, whole, x, y, sampled))
        parts_opt.step(closure, fisher_closure)
    for mine, other in zip(weight_matrices(whole), weight_matrices(parts), strict=True):
        assert relative(other, mine) < 1e-12
