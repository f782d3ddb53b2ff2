"""What contenders' runs took, on a comparison's page."""

from api.dashboard.rendering import environment
from service.contracts.report import RunCost
from service.contracts.usage import Phase
from tests.support.example_comparison import Example, example

KBFGS = RunCost(
    runs=8,
    phases={Phase.FIRST_PASS: 0.4, Phase.SECOND_PASS: 0.25},
    gradient_bytes=1_436_016,
    curvature_bytes=33_792,
    peak_memory_bytes=412_000_000,
    peak_device_memory_bytes=1_380_000_000,
)
SGD = RunCost(
    runs=8,
    phases={Phase.FIRST_PASS: 0.9, Phase.UPDATE: 0.08},
    gradient_bytes=0,
    curvature_bytes=0,
    peak_memory_bytes=None,
    peak_device_memory_bytes=None,
)


def section(shown: Example, **costs: RunCost) -> str:
    (problem,) = shown.report.problems
    contenders = [
        entry.model_copy(update={"cost": costs.get(entry.name)}) for entry in problem.contenders
    ]
    problem = problem.model_copy(update={"contenders": tuple(contenders)})
    report = shown.report.model_copy(update={"problems": (problem,)})
    page = environment().get_template("_report.html").render(view=shown.view, report=report)
    return page[page.index("<h3>Cost</h3>") :] if "<h3>Cost</h3>" in page else ""


def test_phases_of_different_optimizers_stand_in_one_table() -> None:
    text = section(example(), kbfgs=KBFGS, sgd=SGD)
    headings = ("Forward and backward", "Second pass", "Update", "Sent a step", "Peak memory")
    places = [text.index(f">{heading}</th>") for heading in headings]
    assert places == sorted(places)
    assert "what trials before it in the same process left" in text
    rows = text.split("<tr>")[2:]
    assert len(rows) == 2, "those that told nothing have no row"
    for cell in ("40 %", "25 %", "1.44 MB", "33.8 kB of curvature", "412 MB", "1.38 GB on the GPU"):
        assert cell in rows[0]
    for cell in ("90 %", "8 %", "–"):
        assert cell in rows[1]


def test_there_is_no_table_before_a_run_has_told() -> None:
    assert section(example()) == ""
