"""Trials on two gloo ranks: as on one, resumed to the bit, of one mind in every end."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from service.contracts.usage import Phase
from tests.support.gloo_ranks import run_ranks
from tests.support.tiny_training import losses_of
from tests.support.trial_ranks import RESUMED, SEVERAL, plan_of, told, whole_story

pytestmark = [pytest.mark.dist, pytest.mark.training]


@dataclass(frozen=True)
class Story:
    """What two ranks told, and where their checkpoints are."""

    folder: Path
    ranks: list[dict[str, Any]]


@pytest.fixture(scope="module")
def story(tmp_path_factory) -> Story:
    folder = tmp_path_factory.mktemp("ranks")
    told(plan_of("kbfgs"), folder / "one")  # one rank begins what two will go on with
    return Story(folder, run_ranks(whole_story, folder, str(folder)))


def close(found, wanted, tolerance):
    assert len(found) == len(wanted)
    for ours, theirs in zip(found, wanted, strict=True):
        assert ours == pytest.approx(theirs, rel=tolerance)


@pytest.mark.parametrize("name", SEVERAL)
def test_two_ranks_with_uneven_parts_train_as_one(story, name, tmp_path):
    alone = losses_of(told(plan_of(name), tmp_path))
    assert story.ranks[0]["free"][name] == story.ranks[1]["free"][name]
    # SOAP's basis of a gradient that has not full rank follows from rounding alone.
    close(story.ranks[0]["free"][name], alone, 1e-3 if name == "soap" else 1e-8)


STEPS = 2 * 6
"""Two epochs of 50 rows in mini-batches of 9."""
WEIGHTS_BYTES = 8 * (12 * 6 + 6 + 6 * 12 + 12)


@pytest.mark.parametrize(
    ("name", "sums"),
    [("kbfgs", STEPS), ("kfac", STEPS), ("sgd", STEPS), ("rmsprop-paper", STEPS + 6)],
)
def test_gradients_are_sent_once_a_step_and_in_a_warm_start_that_takes_them(story, name, sums):
    for rank in story.ranks:
        assert rank["ends"][name].usage.gradient_bytes == sums * WEIGHTS_BYTES


def test_curvature_is_sent_and_timed_by_those_that_have_it(story):
    usage = {name: end.usage for name, end in story.ranks[0]["ends"].items()}
    assert usage["sgd"].curvature_bytes == 0
    assert Phase.COMMUNICATION not in usage["sgd"].phases
    for name in ("kbfgs", "kbfgs-l", "kfac"):
        assert usage[name].curvature_bytes > 0
        assert usage[name].phases[Phase.COMMUNICATION] > 0


@pytest.mark.parametrize("name", RESUMED)
def test_a_trial_that_is_resumed_twice_has_the_losses_of_an_undisturbed_one(story, name):
    resumed = story.ranks[0]["resumed"]
    assert resumed[name, 3] == resumed[name, 1]
    assert len(resumed[name, 1]) == 4


@pytest.mark.parametrize("name", RESUMED)
def test_a_trial_goes_on_from_a_checkpoint_of_some_epochs_ago_bit_for_bit(story, name):
    for rank in story.ranks:
        older = rank["older"][name]
        assert older["from"] == 2
        assert older["losses"] == older["undisturbed"]


def test_the_clock_of_the_first_rank_says_for_both_when_to_save(story):
    assert [rank["saved"] for rank in story.ranks] == [[1, 2, 3]] * 2


def test_a_step_of_batches_that_diverge_ends_both_with_the_same_words(story):
    first, second = (rank["diverged"][-1] for rank in story.ranks)
    assert first.outcome == second.outcome == "diverged"
    assert first.message == second.message
    assert "batch loss" in first.message


def test_both_stop_in_front_of_the_same_step(story):
    # Six steps an epoch; the sign was set behind the first epoch and is heard of in the next step.
    assert [rank["stopped"] for rank in story.ranks] == [7, 7]


def test_each_rank_draws_its_own_random_numbers(story):
    assert story.ranks[0]["masks"] != story.ranks[1]["masks"]


def test_two_ranks_go_on_with_what_one_began_and_one_with_what_two_began(story, tmp_path, caplog):
    alone = losses_of(told(plan_of("kbfgs", epochs=3), tmp_path))
    close(story.ranks[0]["widened"], alone, 1e-8)
    longer = plan_of("kbfgs", epochs=4)
    events = told(longer, story.folder / "one")
    assert events[0].resumed_from_epoch == 3
    close(losses_of(events), losses_of(told(longer, tmp_path)), 1e-8)
    assert "goes on with 1 workers what 2 had begun" in caplog.text
