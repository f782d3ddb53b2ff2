"""Two gloo ranks with half of a batch each: as one with all of it, or at least of one mind."""

import pytest
import torch

from service.contracts.catalogue import built_in
from tests.support.gloo_ranks import run_ranks
from tests.support.networks import relative
from tests.support.problem_ranks import trained, trained_on_ranks


@pytest.mark.dist
def test_two_ranks_train_as_one_where_they_are_exchangeable_and_agree_on_every_problem(tmp_path):
    entries = built_in().problems
    first, second = run_ranks(trained_on_ranks, tmp_path, [entry.name for entry in entries])
    for entry in entries:
        ours, theirs = first[entry.name], second[entry.name]
        assert all(torch.equal(ours[name], theirs[name]) for name in ours), entry.name
        alone = trained(entry.name, rank=None)
        apart = max(relative(ours[name], alone[name]) for name in alone)
        assert (apart < 1e-10) == entry.exchangeable_ranks, f"{entry.name}: {apart:.1e} apart"
