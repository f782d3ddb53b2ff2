"""How often a spec lets trials be saved: read, refused with the field's name, handed on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.contracts.catalogue import built_in
from service.contracts.checkpointing import CheckpointSpec, Keep
from service.contracts.spec import ComparisonSpec
from service.domain.errors import InvalidSpec
from service.domain.planning import plan, read_spec, study_assignment
from service.domain.previews import preview
from tests.support.catalogues import with_classes

GOOD = {
    "name": "a comparison",
    "problems": ["mnist-5k-autoencoder"],
    "contenders": [{"optimizer": "kbfgs"}, {"optimizer": "adam"}],
    "budget": {"epochs": 5},
}


def spec_with(checkpoint: object, **fields: object) -> ComparisonSpec:
    return read_spec({**GOOD, **fields, "checkpoint": checkpoint}, with_classes())


@pytest.mark.parametrize("given", [{}, {"keep": "best"}, {"keep": "nothing"}, {"epochs": 1}])
def test_a_trial_is_saved_after_every_epoch_where_the_spec_does_not_say(
    given: dict[str, object],
) -> None:
    assert spec_with(given).checkpoint.epochs == 1
    assert read_spec(GOOD, built_in()).checkpoint == CheckpointSpec(epochs=1, keep=Keep.NOTHING)


@pytest.mark.parametrize(
    ("checkpoint", "field", "words"),
    [
        ({"epochs": 0}, "checkpoint.epochs", "got 0"),
        ({"epochs": 2.5}, "checkpoint.epochs", "valid integer"),
        ({"seconds": 0.5}, "checkpoint.seconds", "got 0.5"),
        ({"seconds": 1e6}, "checkpoint.seconds", "86400"),
        ({"keep": "all"}, "checkpoint.keep", "nothing best"),
        ({"every": 3}, "checkpoint.every", "epochs seconds keep"),
        (5, "checkpoint", "must be a mapping with epochs, seconds, keep"),
    ],
)
def test_what_cannot_be_is_refused_by_its_name(checkpoint: object, field: str, words: str) -> None:
    with pytest.raises(InvalidSpec) as caught:
        spec_with(checkpoint)
    (error,) = caught.value.errors
    assert error.field == field
    assert words in f"{error.message} {' '.join(error.allowed or ())}"


@given(
    epochs=st.none() | st.integers(1, 50),
    seconds=st.none() | st.floats(1, 500),
    passed=st.tuples(st.integers(1, 100), st.floats(0, 1000)),
)
def test_it_is_due_by_whichever_comes_first(
    epochs: int | None, seconds: float | None, passed: tuple[int, float]
) -> None:
    policy = CheckpointSpec(epochs=epochs, seconds=seconds)
    by_epochs = passed[0] >= (epochs or 1) if epochs or not seconds else False
    by_seconds = seconds is not None and passed[1] >= seconds
    assert policy.is_due(epochs=passed[0], seconds=passed[1]) == (by_epochs or by_seconds)


@given(epochs=st.none() | st.integers(1, 50), seconds=st.none() | st.floats(1, 500))
def test_what_is_stored_is_read_as_it_was(epochs: int | None, seconds: float | None) -> None:
    policy = CheckpointSpec(epochs=epochs, seconds=seconds)
    assert CheckpointSpec.model_validate_json(policy.model_dump_json()) == policy


def test_a_driver_is_told_of_it_and_of_the_loss_that_decides() -> None:
    spec = spec_with({"epochs": 3, "keep": "best"}, problems=["tiny-classes"])
    study = plan(spec, with_classes()).studies[0]
    assigned = study_assignment(spec, with_classes(), study, comparison_id="c", attempt=1)
    assert assigned.checkpoint == spec.checkpoint
    assert assigned.metric == "validation_loss"


def test_a_preview_says_it_in_words_and_warns_where_nothing_is_saved_on_the_way() -> None:
    told = preview(spec_with({"epochs": 5, "keep": "best"}), built_in())
    assert told.checkpoints == "every 5 epochs, the best of each final kept"
    assert any("begins again" in warning for warning in told.warnings)
    rarely = preview(spec_with({"epochs": 4, "seconds": 90}), built_in())
    assert rarely.checkpoints == "every 4 epochs or 90 s"
    assert not any("begins again" in warning for warning in rarely.warnings)
