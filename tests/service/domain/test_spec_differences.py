"""What differs between two specs: every field, under defaults that are spelled out."""

from service.contracts.catalogue import built_in
from service.contracts.spec import ComparisonSpec
from service.domain.capsules import spelled_out
from service.domain.spec_differences import SpecDifference, spec_differences
from tests.support.comparisons import a_spec

THEN = a_spec("kbfgs", "adam", seeds=8)


def differing(now: ComparisonSpec) -> tuple[SpecDifference, ...]:
    return spec_differences(THEN, now, catalogue=built_in())


def changed(**fields: object) -> ComparisonSpec:
    document = THEN.model_dump(mode="json", exclude_none=True)
    return ComparisonSpec.model_validate({**document, **fields})


def test_a_spec_does_not_differ_from_itself_called_otherwise_or_spelled_out() -> None:
    assert differing(THEN) == ()
    assert differing(changed(name="another", tags=["nightly"], priority=3)) == ()
    assert differing(spelled_out(THEN, built_in())) == ()


def test_contenders_are_known_by_their_names_and_their_order_says_which_is_the_baseline() -> None:
    turned = [one.model_dump() for one in THEN.contenders[::-1]]
    assert differing(changed(contenders=turned, baseline="kbfgs")) == ()
    assert differing(changed(contenders=turned)) == (SpecDifference("baseline", "kbfgs", "adam"),)


def test_what_would_have_been_the_default_differs_in_nothing() -> None:
    assert differing(changed(baseline="kbfgs")) == ()
    (problem,) = THEN.problems
    entry = built_in().problem(problem)
    assert entry is not None
    assert differing(changed(batch_size=entry.batch_size)) == ()


def test_each_field_that_differs_is_told_as_a_spec_says_it() -> None:
    space = {"lr": {"log": [0.01, 0.1]}}
    now = changed(
        seeds=16,
        contenders=[{"optimizer": "kbfgs"}, {"optimizer": "adam", "space": space}],
        batch_size=64,
    )
    found = {one.field: (one.then, one.now) for one in differing(now)}
    assert found["seeds"] == ("8", "16")
    assert found[f"batch_size.{THEN.problems[0]}"][1] == "64"
    assert found["contenders.adam.space.lr.log"][1] == "[0.01, 0.1]"
    assert not [field for field in found if field.startswith("contenders.kbfgs")]


def test_a_contender_that_one_alone_has_differs_in_all_of_it() -> None:
    now = changed(contenders=[{"optimizer": "kbfgs"}, {"optimizer": "sgd"}])
    found = {one.field: (one.then, one.now) for one in differing(now)}
    assert found["contenders.adam.optimizer"] == ("adam", "–")
    assert found["contenders.sgd.optimizer"] == ("–", "sgd")


def test_what_the_catalogue_no_longer_has_is_compared_as_it_was_submitted() -> None:
    gone = changed(contenders=[{"optimizer": "gone"}, {"optimizer": "adam"}])
    assert spec_differences(gone, gone, catalogue=built_in()) == ()
    fields = {one.field for one in differing(gone)}
    assert "contenders.gone.optimizer" in fields
    assert not [field for field in fields if field.startswith("contenders.adam")]
