"""Two gloo ranks of which one overflows: both leave the step out, and both lower the scale."""

import pytest
import torch

from kbfgs import KBFGS, KFAC
from tests.support.gloo_ranks import run_ranks
from tests.support.networks import data, network, relative
from tests.support.scaled_runs import ScaledRun, run_of_a_rank, same

SIZES = (6, 8, 5, 3)
BATCHES = [data(40, SIZES[0], SIZES[-1], seed=1 + k) for k in range(6)]
OVERFLOWS = {
    "KBFGS": [None, "first", None, None, "second", None],
    "KFAC": [None, "first", None, None, "second", None],
}


@pytest.mark.dist
def test_an_overflow_on_one_rank_is_one_on_both(tmp_path):
    ranks = run_ranks(run_of_a_rank, tmp_path, SIZES, BATCHES, OVERFLOWS)
    for method in (KBFGS, KFAC):
        mine, other = (found[method.__name__] for found in ranks)
        assert [entry[:2] for entry in mine] == [entry[:2] for entry in other]
        weights = [{k: v for k, v in e[2].items() if k.startswith("model.")} for e in mine]
        for step, (_, _, theirs) in enumerate(other):
            assert all(torch.equal(value, theirs[key]) for key, value in weights[step].items())
        scales = [scale / 2.0**16 for scale, _, _ in mine]
        assert scales == [1, 0.5, 0.5, 0.5, 0.25, 0.25]
        assert same(mine[1][2], mine[0][2])
        skipped = [count for _, count, _ in mine]
        if method is KFAC:
            assert skipped == [0, 1, 1, 1, 2, 2]
            assert same(mine[4][2], mine[3][2])
        else:
            assert skipped == [0, 1, 1, 1, 1, 1]
            assert not same(weights[4], weights[3])
            for name in ("0", "2", "4"):
                for key in ("output_inverse", "pair_step", "pair_change"):
                    assert torch.equal(mine[4][2][f"{name}.{key}"], mine[3][2][f"{name}.{key}"])
        # The steps that were taken are those of one rank with all rows and no scaler.
        model = network(*SIZES)
        alone = ScaledRun(model, method(model, lr=0.1, damping=0.3))
        for index in (0, 2, 3):
            alone.step(*BATCHES[index])
            wanted = alone.snapshot()
            assert max(relative(v, wanted[key]) for key, v in weights[index].items()) < 1e-10
