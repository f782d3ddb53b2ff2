"""How mini-batches are shared out: every row once, and weighted so that means agree."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.support.thread_ranks import ThreadRank
from tests.support.tiny_training import TinyAutoencoder, run_of
from workers.loop import BadSetting
from workers.minibatch import MiniBatch
from workers.problems import Split
from workers.ranks import ALONE
from workers.ranks.parts import cut, part_of, smallest_batch


def ranks(size):
    return [ThreadRank(None, rank, size) for rank in range(size)]


@given(rows=st.integers(4, 40), size=st.integers(1, 4))
def test_every_row_has_one_rank_and_the_means_over_ranks_are_those_over_rows(rows, size):
    values = torch.arange(rows, dtype=torch.float64).square()
    parts = [part_of(torch.arange(rows), one) for one in ranks(size)]
    assert sorted(torch.cat([part.rows for part in parts]).tolist()) == list(range(rows))
    mean = sum(part.weight * values[part.rows].mean() for part in parts) / size
    assert mean.item() == pytest.approx(values.mean().item(), rel=1e-12)


@given(size=st.integers(1, 4), each=st.integers(1, 9))
def test_equal_parts_count_one_to_the_bit(size, each):
    assert {part_of(torch.arange(size * each), one).weight for one in ranks(size)} == {1.0}


@given(rows=st.integers(4, 40), size=st.integers(1, 4), batch_size=st.integers(4, 12))
def test_a_split_is_cut_into_the_parts_of_its_mini_batches(rows, size, batch_size):
    data = torch.arange(float(rows))[:, None]
    split = Split(data, data)
    shared = [list(cut(split, batch_size, one)) for one in ranks(size)]
    for number, batch in enumerate(split.cut(batch_size)):
        own = [parts[number][0].inputs for parts in shared]
        assert sorted(torch.cat(own).flatten().tolist()) == batch.inputs.flatten().tolist()


def test_one_rank_is_given_the_mini_batches_themselves():
    data = torch.arange(10.0)[:, None]
    batches = list(cut(Split(data, data), 4, ALONE))
    assert [weight for _, weight in batches] == [1.0] * 3
    assert batches[0][0].inputs.data_ptr() == data.data_ptr()


@given(rows=st.integers(1, 100), batch_size=st.integers(1, 120))
def test_the_smallest_mini_batch_is_known_without_cutting(rows, batch_size):
    data = torch.zeros(rows, 1)
    sizes = [len(batch) for batch in Split(data, data).cut(batch_size)]
    assert smallest_batch(rows, batch_size) == min(sizes)


def test_a_mini_batch_with_fewer_rows_than_ranks_is_a_bad_setting():
    with pytest.raises(BadSetting, match="a mini-batch has 10 rows, fewer than the 11 workers"):
        run_of(ranks=ThreadRank(None, 0, 11))


def test_a_weighted_mini_batch_weights_its_loss_and_its_gradient_alone():
    problem = TinyAutoencoder()
    model = problem.build_model()
    rows = next(problem.load(torch.device("cpu")).train.cut(5))
    plain, weighted = (MiniBatch(model, problem, rows, weight=w) for w in (1.0, 0.5))
    loss = plain.backward(keep_graph=True)
    gradient = model[0].weight.grad.clone()
    torch.manual_seed(0)
    sampled = plain.sampled_loss()
    assert weighted.backward(keep_graph=True) == 0.5 * loss
    assert torch.equal(model[0].weight.grad, 0.5 * gradient)
    torch.manual_seed(0)
    assert weighted.sampled_loss() == sampled
