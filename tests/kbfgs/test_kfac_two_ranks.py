"""Two gloo ranks of K-FAC with a part of the batch each equal one rank with all of it."""

import pytest
import torch

from tests.support.fisher_ranks import one_rank, two_ranks
from tests.support.gloo_ranks import run_ranks
from tests.support.networks import data, relative

pytestmark = pytest.mark.dist

SIZES = (6, 8, 5, 3)
STEPS = 24


def stream(rows):
    return [
        (*data(rows, SIZES[0], SIZES[-1], seed=k), data(rows, 6, 3, seed=50 + k)[1])
        for k in range(STEPS)
    ]


@pytest.mark.parametrize(
    ("weighting", "cut", "again"),
    [(None, None, False), ("hook", 25, True), ("loss", 25, False)],
    ids=["even", "uneven, hook, second forward", "uneven, loss"],
)
def test_a_free_run_equals_one_rank_and_sends_factors_only_to_invert(
    tmp_path, weighting, cut, again
):
    batches = stream(40)
    options = {"lr": 0.1, "damping": 0.3, "weight_decay": 1e-3, "inverse_every": 3}
    wanted = one_rank(SIZES, batches, options)
    ranks = run_ranks(
        two_ranks, tmp_path, SIZES, batches, cut, options | {"row_weighting": weighting}, again
    )
    for found in ranks:
        for values, reference in zip(found, wanted, strict=True):
            for key in values.keys() - {"bytes"}:
                wanted_value = reference[key.removeprefix("merged ").removeprefix("loaded ")]
                assert relative(values[key], wanted_value) < 1e-10, key
    assert all(
        torch.equal(ranks[0][-1][key], ranks[1][-1][key]) for key in wanted[-1].keys() - {"bytes"}
    )
    sent = [values["bytes"] for values in ranks[0]]
    sides = [side + 1 for side in SIZES[:-1]] + list(SIZES[1:])
    triangles = 8 * sum(side * (side + 1) // 2 for side in sides)
    inverted = [step < 20 or step % 3 == 0 for step in range(STEPS)]
    vectors = sent[-2] if not inverted[-2] else sent[-1]
    assert sent == [vectors + triangles * now for now in inverted]
