"""The schedule in a spec: for all contenders or for one, refused where it says nothing."""

import pytest

from service.contracts.catalogue import Catalogue, OptimizerEntry, Setting, built_in, resolve
from service.contracts.catalogue.schedules import SCHEDULE_SETTINGS
from service.contracts.errors import SpecRefused
from service.contracts.schedule import Schedule, ScheduleKind
from service.contracts.spec import ComparisonSpec
from service.domain.errors import InvalidSpec
from service.domain.planning import read_spec

NAMES = {setting.name for setting in SCHEDULE_SETTINGS}


def document(contender: dict[str, object], **fields: object) -> dict[str, object]:
    return {
        "name": "a comparison",
        "problems": ["mnist-5k-autoencoder"],
        "contenders": [{"optimizer": "sgd", **contender}],
        "budget": {"epochs": 5},
        **fields,
    }


def schedule_of(contender: dict[str, object], **fields: object) -> Schedule:
    spec = read_spec(document(contender, **fields), built_in())
    return Schedule.of(resolve(spec, built_in())[0].settings)


def refused(contender: dict[str, object], **fields: object) -> dict[str, str]:
    with pytest.raises(InvalidSpec) as caught:
        read_spec(document(contender, **fields), built_in())
    return {
        error.field: f"{error.message} {' '.join(error.allowed or ())}"
        for error in caught.value.errors
    }


def test_every_optimizer_has_the_schedules_settings_once() -> None:
    for entry in built_in().optimizers:
        names = [setting.name for setting in entry.settings]
        assert set(names) >= NAMES
        assert len(names) == len(set(names))


def test_an_entry_with_a_schedule_of_its_own_making_is_refused() -> None:
    taken = Setting(name="schedule", kind="bool", default=True, summary="Mine.")
    fields = built_in().optimizers[0].model_dump()
    with pytest.raises(ValueError, match="every optimizer has it already"):
        OptimizerEntry.model_validate({**fields, "settings": [taken]})


def test_an_entry_survives_json() -> None:
    for entry in built_in().optimizers:
        assert OptimizerEntry.model_validate_json(entry.model_dump_json()) == entry


def test_without_a_word_the_learning_rate_is_constant() -> None:
    assert schedule_of({}) == Schedule()
    assert not Schedule().depends_on_length


def test_the_comparisons_schedule_is_every_contenders() -> None:
    cosine = Schedule(kind=ScheduleKind.COSINE)
    assert schedule_of({}, schedule="cosine") == cosine
    assert schedule_of({}, schedule={"kind": "cosine"}) == cosine
    given = {"kind": "cosine", "warmup_fraction": 0.1, "final_lr_fraction": 0.01}
    assert schedule_of({}, schedule=given) == Schedule.model_validate(given)


def test_a_contenders_own_schedule_takes_the_place_of_the_comparisons() -> None:
    common = {"kind": "cosine", "warmup_fraction": 0.1, "final_lr_fraction": 0.01}
    own = schedule_of({"settings": {"schedule": "constant"}}, schedule=common)
    assert own == Schedule()


def test_a_contender_can_change_a_part_of_the_comparisons_schedule() -> None:
    mixed = schedule_of({"settings": {"warmup_fraction": 0.2}}, schedule="cosine")
    assert mixed == Schedule(kind=ScheduleKind.COSINE, warmup_fraction=0.2)


def test_a_schedule_can_be_searched() -> None:
    space = {
        "lr": {"log": [0.01, 0.1]},
        "schedule": {"values": ["constant", "cosine"]},
        "final_lr_fraction": {"linear": [0.0, 0.1]},
    }
    spec = read_spec(document({"space": space}), built_in())
    assert "schedule" not in resolve(spec, built_in())[0].settings


@pytest.mark.parametrize(
    ("contender", "schedule", "field", "words"),
    [
        ({}, "linear", "schedule", "constant cosine"),
        ({}, {"kind": "cosine", "warmup_fraction": 1}, "schedule.warmup_fraction", "less than 1"),
        ({}, {"final_lr_fraction": 0.1}, "schedule.final_lr_fraction", "set schedule: cosine"),
        ({}, {"kind": "cosine", "cycles": 3}, "schedule.cycles", "unknown field"),
        (
            {"settings": {"schedule": "linear"}},
            None,
            "contenders[0].settings.schedule",
            "constant cosine",
        ),
        (
            {"settings": {"warmup_fraction": 1.0}},
            None,
            "contenders[0].settings.warmup_fraction",
            "must be < 1, got 1",
        ),
        (
            {"settings": {"final_lr_fraction": 0.1}},
            None,
            "contenders[0].settings.final_lr_fraction",
            "set schedule: cosine",
        ),
        (
            {"settings": {"schedule": "constant", "final_lr_fraction": 0.1}},
            "cosine",
            "contenders[0].settings.final_lr_fraction",
            "no effect",
        ),
        (
            {"space": {"final_lr_fraction": {"linear": [0.0, 0.1]}}},
            None,
            "contenders[0].space.final_lr_fraction",
            "no effect",
        ),
    ],
)
def test_what_makes_no_schedule_is_refused_by_its_field(
    contender: dict[str, object], schedule: object, field: str, words: str
) -> None:
    fields = {} if schedule is None else {"schedule": schedule}
    errors = refused(contender, **fields)
    assert words in errors.get(field, ""), errors


def with_workers(optimizer: str, workers: int) -> ComparisonSpec:
    """A spec that asks for more workers than specs may ask for today."""
    spec = ComparisonSpec.model_validate({**document({}), "contenders": [{"optimizer": optimizer}]})
    return spec.model_copy(update={"workers": workers})


def test_lbfgs_is_refused_on_several_workers() -> None:
    with pytest.raises(SpecRefused, match=r"workers: must be <= 1, the most that lbfgs trains"):
        resolve(with_workers("lbfgs", 2), built_in())
    assert resolve(with_workers("lbfgs", 1), built_in())


def test_no_other_optimizer_minds_the_workers() -> None:
    for entry in built_in().optimizers:
        if entry.name != "lbfgs":
            assert resolve(with_workers(entry.name, 4), built_in())


def test_a_plugins_entry_can_limit_its_workers() -> None:
    narrow = built_in().optimizers[0].model_copy(update={"name": "narrow", "max_workers": 2})
    catalogue = Catalogue(problems=built_in().problems, optimizers=(narrow,))
    with pytest.raises(SpecRefused, match="got 3"):
        resolve(with_workers("narrow", 3), catalogue)
