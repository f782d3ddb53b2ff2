"""How many ranks a spec may ask for, and what is refused by its field."""

import pytest

from service.contracts.catalogue import built_in
from service.contracts.plan import Plan, StudyAssignment
from service.contracts.workers import ElasticWorkers, fewest, most
from service.domain.errors import InvalidSpec
from service.domain.planning import plan, read_spec, study_assignment
from service.domain.previews import preview

DOCUMENT = {
    "name": "several ranks",
    "problems": ["mnist-5k-autoencoder"],
    "contenders": [{"optimizer": "adam"}],
    "budget": {"epochs": 2},
}


def spec(**changed):
    return read_spec({**DOCUMENT, **changed}, built_in())


def refusals(**changed) -> dict[str, str]:
    with pytest.raises(InvalidSpec) as refused:
        spec(**changed)
    return {error.field: error.message for error in refused.value.errors}


def test_a_number_or_bounds_can_be_asked_for():
    assert spec().workers == 1
    assert spec(workers=3).workers == 3
    elastic = spec(workers={"min": 1, "max": 4}).workers
    assert elastic == ElasticWorkers(min=1, max=4)
    assert [fewest(3), most(3), fewest(elastic), most(elastic)] == [3, 3, 1, 4]


def test_worker_seconds_of_a_changing_number_of_workers_are_refused():
    tuning = {"worker_seconds": 60}
    assert spec(workers=2, tuning=tuning).tuning.worker_seconds == 60
    found = refusals(workers={"min": 1, "max": 2}, tuning=tuning)
    assert "must be left out" in found["tuning.worker_seconds"]


@pytest.mark.parametrize(
    ("workers", "field", "words"),
    [
        (0, "workers", "greater than or equal to 1, got 0"),
        ({"min": 0, "max": 2}, "workers.min", "greater than or equal to 1, got 0"),
        ({"min": 3, "max": 2}, "workers", "max must be >= min, got min 3 and max 2"),
        ({"min": 3}, "workers.max", "Field required"),
        ("two", "workers", "must be a mapping with min, max"),
        (201, "workers", "must be <= 200, the rows of a mini-batch of mnist-5k-autoencoder, got"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(workers, field, words):
    found = refusals(workers=workers)
    assert list(found) == [field]
    assert words in found[field]


def test_a_last_mini_batch_smaller_than_the_ranks_is_refused():
    message = refusals(batch_size=1333, workers=2)["batch_size"]
    assert message.startswith("1333 rows leave 1 of the 4,000 of mnist-5k-autoencoder for the last")
    assert spec(batch_size=1333).batch_size == 1333


@pytest.mark.parametrize("workers", [2, {"min": 1, "max": 2}])
def test_parts_of_a_gpu_are_for_one_worker_alone(workers):
    half = {"gpus": 0.5}
    message = refusals(workers=workers, resources=half)["resources.gpus"]
    assert message.startswith("must be a whole number where a trial has more than one worker")
    assert spec(resources=half).resources.gpus == 0.5
    assert spec(workers=workers, resources={"gpus": 1}).resources.gpus == 1


def test_bounds_of_one_optimizer_hold_for_the_most_of_elastic_workers():
    refused = refusals(workers={"min": 1, "max": 2}, contenders=[{"optimizer": "lbfgs"}])
    assert refused["workers"] == "must be <= 1, the most that lbfgs trains with, got 2"


def test_batch_norm_on_several_ranks_is_warned_of():
    document = {"problems": ["cifar10-resnet"], "workers": 2}
    assert any("batch norm" in line for line in preview(spec(**document), built_in()).warnings)
    document["workers"] = 1
    assert not any("batch norm" in line for line in preview(spec(**document), built_in()).warnings)


def test_drivers_are_told_and_what_was_stored_before_has_one():
    planned = plan(spec(workers={"min": 1, "max": 2}), built_in())
    assignment = study_assignment(
        planned.spec, built_in(), planned.studies[0], comparison_id="c", attempt=1
    )
    assert StudyAssignment.model_validate_json(assignment.model_dump_json()) == assignment
    assert assignment.workers == ElasticWorkers(min=1, max=2)
    old = assignment.model_dump(mode="json")
    del old["workers"]
    assert StudyAssignment.model_validate(old).workers == 1
    stored = plan(spec(), built_in()).model_dump(mode="json")
    assert stored["spec"]["workers"] == 1
    assert Plan.model_validate(stored).spec.workers == 1
