"""A report in any of its forms."""

from collections.abc import Callable
from typing import assert_never

from service.contracts.forms import ReportForm
from service.contracts.report import Report
from service.domain.results import ComparisonResults

ReadResults = Callable[[], ComparisonResults]


def render_report(report: Report, form: ReportForm, results: ReadResults) -> bytes:
    """The report as a file of that form.

    Args:
        report: The report.
        form: The form.
        results: Reads the trials that it was made from, which figures alone ask for.
    """
    # Each form is imported where it is asked for: matplotlib and jinja2 are large.
    match form:
        case ReportForm.JSON:
            return report.model_dump_json(indent=2).encode()
        case ReportForm.HTML:
            from service.exports.html import render_html

            return render_html(report, results()).encode()
        case ReportForm.MARKDOWN:
            from service.exports.markdown import render_markdown

            return render_markdown(report).encode()
        case ReportForm.LATEX:
            from service.exports.latex import render_latex

            return render_latex(report).encode()
        case ReportForm.SVG | ReportForm.PDF:
            from service.exports.figures import figure_file

            return figure_file(report, results(), form)
        case _:
            assert_never(form)
