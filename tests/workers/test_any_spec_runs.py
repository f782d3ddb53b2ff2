"""Whatever an accepted spec holds, the chain runs it to its report."""

from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings

from service.contracts.catalogue import built_in
from service.contracts.states import FailureKind
from service.domain.planning import plan, read_spec
from service.domain.scoring import score
from service.exports.html import render_html
from service.exports.text import render_text
from tests.support.drawn_specs import TRAINED, Document, accepted
from workers.local import read_results, run_local

CATALOGUE = built_in()
FEW, MANY = 3, 100


@pytest.mark.training
@pytest.mark.parametrize(
    "examples", [FEW, pytest.param(MANY, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])]
)
def test_what_is_accepted_runs_to_its_report(examples: int) -> None:
    settings(max_examples=examples)(given(accepted(TRAINED))(runs_to_its_report))()


def runs_to_its_report(document: Document) -> None:
    spec = read_spec(document, CATALOGUE)
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "drawn.json").write_text(plan(spec, CATALOGUE).model_dump_json())
        run_local(folder / "drawn.json", folder / "run")
        results = read_results(folder / "run", CATALOGUE)
    assert not [trial for trial in results.trials if trial.failure is FailureKind.BUG]
    report = score(results, CATALOGUE, now=datetime.now(UTC))
    assert report.status == "final"
    (problem,) = report.problems
    assert {one.name for one in problem.contenders} == {one.label for one in spec.contenders}
    assert problem.sentence in " ".join(render_text(report).split())
    assert problem.sentence in unescape(render_html(report, results))
