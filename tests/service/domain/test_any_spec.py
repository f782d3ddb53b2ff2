"""Whatever a spec says: it plans as a whole, or its wrong field is named."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis.strategies import SearchStrategy

from service.contracts.catalogue import Contender, built_in, resolve
from service.contracts.documents import read_document
from service.contracts.plan import Plan
from service.contracts.space import refusal
from service.contracts.spec import ComparisonSpec
from service.contracts.states import StudyKind
from service.domain.errors import InvalidSpec
from service.domain.planning import plan, plan_finals, read_spec, study_assignment
from service.domain.previews import preview
from service.domain.searching import learns
from tests.support.drawn_specs import Document, accepted
from tests.support.faulty_specs import faulty, meddled_with

CATALOGUE = built_in()
FEW, MANY = 15, 1000
often = pytest.mark.parametrize(
    "examples",
    [FEW, pytest.param(MANY, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])],
)


def hold(law: Callable[[Any], None], drawn: SearchStrategy[Any], examples: int) -> None:
    settings(max_examples=examples)(given(drawn)(law))()


@often
def test_what_is_accepted_plans_as_a_whole(examples: int) -> None:
    hold(plans_as_a_whole, accepted(), examples)


def plans_as_a_whole(document: Document) -> None:
    spec = read_spec(document, CATALOGUE)
    planned = plan(spec, CATALOGUE)
    contenders = resolve(spec, CATALOGUE)
    pairs = [(problem, one.name) for problem in spec.problems for one in contenders]
    assert [(study.problem, study.contender) for study in planned.studies] == pairs
    numbers = [trial.number for study in planned.studies for trial in study.trials]
    assert numbers == list(range(len(numbers)))
    seeds = (*planned.seeds.search, *planned.seeds.finals)
    assert len(set(seeds)) == len(seeds) == spec.tuning.repeats + spec.seeds
    by_name = {one.name: one for one in contenders}
    for study in planned.studies:
        assert study.contender is not None
        searches_its_space(spec, by_name[study.contender], [dict(t.point) for t in study.trials])
    assert Plan.model_validate_json(planned.model_dump_json()) == planned
    told_before = preview(spec, CATALOGUE)
    finals = len(spec.problems) * len(contenders) * spec.seeds
    assert told_before.trials == len(numbers) + finals
    assert told_before.epochs == told_before.trials * spec.budget.epochs
    is_assigned(planned)


def searches_its_space(
    spec: ComparisonSpec, contender: Contender, points: list[dict[str, object]]
) -> None:
    assert len(points) == spec.tuning.points(contender.space) * spec.tuning.repeats
    for point in points if not learns(spec, StudyKind.TUNING) else ():
        assert refusal(contender.space, point) is None  # type: ignore[arg-type]


def is_assigned(planned: Plan) -> None:
    """Every setting of every trial is one that its optimizer allows."""
    spec = planned.spec
    chosen = {study.contender: study.trials[0].point for study in planned.studies}
    finals = plan_finals(
        spec,
        spec.problems[0],
        chosen,  # type: ignore[arg-type]
        planned.seeds,
        study_number=len(planned.studies),
        first_trial_number=1 + planned.studies[-1].trials[-1].number,
    )
    assert len(finals.trials) == len(spec.contenders) * spec.seeds
    for study in (planned.studies[0], finals):
        assignment = study_assignment(spec, CATALOGUE, study, comparison_id="a", attempt=1)
        for trial in assignment.trials:
            entry = CATALOGUE.optimizer(trial.optimizer)
            assert entry is not None
            for name, value in trial.settings.items():
                setting = entry.setting(name)
                assert setting is not None
                assert setting.refusal(value) is None


@often
def test_json_and_yaml_say_the_same(examples: int) -> None:
    hold(says_the_same, accepted(), examples)


def says_the_same(document: Mapping[str, Any]) -> None:
    spec = read_spec(document, CATALOGUE)
    written = json.dumps(document)
    for text in (written, yaml.safe_dump(json.loads(written))):
        again = read_spec(read_document(text), CATALOGUE)
        assert again == spec
        assert again.digest() == spec.digest()
    assert ComparisonSpec.model_validate_json(spec.model_dump_json()) == spec


@often
def test_a_fault_is_named_by_its_field_and_nothing_else_is(examples: int) -> None:
    hold(is_named, faulty(), 4 * examples)


def is_named(drawn: tuple[Document, str]) -> None:
    document, field = drawn
    with pytest.raises(InvalidSpec) as refused:
        read_spec(document, CATALOGUE)
    for error in refused.value.errors:
        assert error.field == field or error.field.startswith((f"{field}.", f"{field}[")), error
        assert error.message


@often
def test_anything_in_the_place_of_a_value_is_refused_or_plans(examples: int) -> None:
    hold(is_refused_or_plans, meddled_with(), examples)


def is_refused_or_plans(document: Document) -> None:
    try:
        spec = read_spec(document, CATALOGUE)
    except InvalidSpec:
        return
    assert plan(spec, CATALOGUE).studies
