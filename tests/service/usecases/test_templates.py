"""The templates are comparisons that can be run, each with words that say what for."""

import pytest

from service.contracts.catalogue import built_in
from service.contracts.documents import read_document
from service.contracts.templates import TemplateView
from service.domain.planning import plan, read_spec
from service.domain.previews import preview
from service.usecases.templates import FOLDER, Templates

TEMPLATES = Templates(built_in()).all


def test_every_file_is_one_the_cheapest_first() -> None:
    assert {template.name for template in TEMPLATES} == {p.stem for p in FOLDER.glob("*")}
    assert TEMPLATES[0].name == "quick-look"
    assert len(TEMPLATES) >= 3


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_each_plans_without_a_warning(template: TemplateView) -> None:
    spec = read_spec(read_document(template.text), built_in())
    assert spec == template.spec
    told = preview(spec, built_in())
    assert told.warnings == ()
    assert (template.trials, template.epochs) == (told.trials, told.epochs)
    assert plan(spec, built_in()).studies


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_each_says_what_it_is_for(template: TemplateView) -> None:
    assert template.summary.endswith(".")
    assert "#" not in template.summary
    assert template.title == template.spec.name
