"""How far a free run drifts from the transcription, which rounding alone makes it do.

The method amplifies rounding: steps are held to the transcription from equal states elsewhere, over
50 steps and to 1e-12. Here the same 50 steps follow each other, and what they come to is printed.
"""

from collections.abc import Callable, Iterator

import pytest
import torch

from kbfgs import KBFGS, KFAC
from tests.support.fisher_closures import fisher_closures, fisher_difference
from tests.support.kfac_oracle import Fisher
from tests.support.networks import (
    closure_for,
    data,
    difference,
    half_squared_error,
    network,
    relative,
    weight_matrices,
)
from tests.support.paper_oracle import Paper
from tests.support.positions_networks import apart, convolution, matrices, sequences
from tests.support.positions_oracle import PositionsPaper

pytestmark = pytest.mark.training

SIZES = (7, 9, 5, 4)
STEPS = 50
SETTINGS = {"lr": 0.3, "damping": 0.3}
BATCHES = [data(40, SIZES[0], SIZES[-1], seed=1 + k) for k in range(5)]


def kbfgs(memory: int | None = None) -> Iterator[float]:
    model = network(*SIZES)
    paper = Paper(half_squared_error, memory=memory, **SETTINGS)
    state = paper.initial(weight_matrices(model))
    opt = KBFGS(model, safeguard=None, memory=memory, **SETTINGS)
    for step in range(STEPS):
        x, y = BATCHES[step % 5]
        opt.step(closure_for(opt, model, x, y))
        paper.step(state, x, y)
        yield difference(opt, model, state)


def kfac() -> Iterator[float]:
    model = network(*SIZES)
    fisher = Fisher(half_squared_error, **SETTINGS)
    state = fisher.initial(weight_matrices(model))
    opt = KFAC(model, safeguard=None, **SETTINGS)
    for step in range(STEPS):
        x, y = BATCHES[step % 5]
        opt.step(*fisher_closures(opt, model, x, y, -y))
        fisher.step(state, x, y, -y)
        yield fisher_difference(opt, model, state)


def positions(make: Callable) -> Iterator[float]:
    torch.manual_seed(0)
    case = make()
    paper = PositionsPaper(half_squared_error, network=case.network, **SETTINGS)
    state = paper.initial(matrices(case))
    opt = KBFGS(case.model, safeguard=None, **SETTINGS)
    x, y = torch.randn(7, *case.inputs).double(), torch.randn(7, 3).double()
    for _ in range(STEPS):
        opt.step(closure_for(opt, case.model, x, y))
        paper.step(state, x, y)
        yield apart(opt, case, state)


def micro_batches() -> Iterator[float]:
    whole, parts = network(*SIZES), network(*SIZES)
    opt, parts_opt = KBFGS(whole, **SETTINGS), KBFGS(parts, **SETTINGS)

    def accumulated(x, y):
        def closure():
            parts_opt.zero_grad()
            losses = [
                half_squared_error(parts(x[rows]), y[rows]) / 4
                for rows in torch.arange(len(x)).chunk(4)
            ]
            for loss in losses:
                loss.backward()
            return sum(loss.detach() for loss in losses)

        return closure

    for step in range(STEPS):
        x, y = BATCHES[step % 5]
        opt.step(closure_for(opt, whole, x, y))
        parts_opt.step(accumulated(x, y))
        pairs = zip(weight_matrices(parts), weight_matrices(whole), strict=True)
        yield max(relative(ours, theirs) for ours, theirs in pairs)


RUNS = {
    "K-BFGS": kbfgs,
    "K-BFGS(L), 7 pairs": lambda: kbfgs(7),
    "K-BFGS(L), 60 pairs": lambda: kbfgs(60),
    "K-FAC": kfac,
    "K-BFGS, a convolution with groups": lambda: positions(
        lambda: convolution(6, kernel_size=2, groups=3, stride=2)
    ),
    "K-BFGS, sequences": lambda: positions(sequences),
    "K-BFGS, 4 micro-batches beside 1 batch": micro_batches,
}


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_a_free_run_stays_close_for_10_steps_and_its_drift_is_printed(run, request, capsys):
    drift = list(run())
    with capsys.disabled():
        name = request.node.callspec.id
        print(
            f"\ndrift of {name}: " + ", ".join(f"{drift[k - 1]:.0e} at {k}" for k in (10, 20, 50))
        )
    assert drift[9] < 1e-10
