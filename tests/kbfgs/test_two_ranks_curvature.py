"""The forms of the curvature on two gloo ranks equal those on one rank."""

import pytest
import torch

from kbfgs import KBFGS, Ablation
from tests.support.gloo_ranks import flat_state, free_run, run_ranks
from tests.support.networks import closure_for, data, network, relative

pytestmark = pytest.mark.dist

SIZES = (6, 8, 5, 3)


@pytest.mark.parametrize(
    "options",
    [{"memory": 4}, {"ablation": Ablation(input_inverse_every=3)}],
    ids=["limited memory", "inverse every 3"],
)
def test_a_free_run_of_12_steps_equals_one_rank(tmp_path, options):
    options = {"lr": 0.1, "damping": 0.3, **options}
    batches = [data(40, SIZES[0], SIZES[-1], seed=1 + k % 5) for k in range(12)]
    model = network(*SIZES)
    opt = KBFGS(model, **options)
    with opt.warm_start():
        for x, _ in batches[:3]:
            model(x)
    ranks = run_ranks(free_run, tmp_path, SIZES, batches, [None] * 12, options)
    for step, (x, y) in enumerate(batches):
        opt.step(closure_for(opt, model, x, y))
        wanted = dict(model.state_dict()) | flat_state(opt.state_dict())
        for found in ranks:
            assert max(relative(found[step][key], wanted[key]) for key in wanted) < 1e-10
    assert all(torch.equal(ranks[0][-1][key], ranks[1][-1][key]) for key in ranks[0][-1])
