"""A report as plain text for a terminal."""

import textwrap

from service.contracts import numbers
from service.contracts.report import ProblemReport, Report
from service.exports.tables import (
    Table,
    beside_table,
    contenders_table,
    cost_table,
    pairs_table,
)

_WIDTH = 100
_MOST_PAIRS = 15
"""All pairs among six contenders; of more, those alone that the verdict is about."""


def render_text(report: Report) -> str:
    """The verdict's sentence first, then the tables and the warnings."""
    parts = [_problem(problem, titled=len(report.problems) > 1) for problem in report.problems]
    if report.plugins:
        parts.append(_wrapped(f"with the plug-ins {', '.join(report.plugins)}"))
    if report.warnings:
        parts.append(_warnings(report.warnings))
    return "\n\n".join(parts) + "\n"


def aligned(table: Table) -> str:
    """The table in columns, two spaces apart."""
    rows = (table.header, *table.rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rule = tuple("-" * width for width in widths)
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (table.header, rule, *table.rows)
    )


def _problem(problem: ProblemReport, *, titled: bool) -> str:
    parts = [problem.title] if titled else []
    parts += [_wrapped(problem.sentence), aligned(contenders_table(problem))]
    if problem.beside:
        parts.append(aligned(beside_table(problem)))
    if problem.phases:
        parts.append(aligned(cost_table(problem)))
    if problem.pairs:
        parts.append(_pairs(problem))
    if problem.warnings:
        parts.append(_warnings(problem.warnings))
    return "\n\n".join(parts)


def _pairs(problem: ProblemReport) -> str:
    """The pairs of the winner and the baseline where all of them are more than a person reads."""
    if len(problem.pairs) <= _MOST_PAIRS:
        return aligned(pairs_table(problem))
    named = {problem.winner, problem.baseline}
    shown = tuple(pair for pair in problem.pairs if named & {pair.first, pair.second})
    table = aligned(pairs_table(problem.model_copy(update={"pairs": shown})))
    left_out = numbers.counted(len(problem.pairs) - len(shown), "more pair")
    return f"{table}\n({left_out} in report.html and report.json)"


def _warnings(warnings: tuple[str, ...]) -> str:
    return "\n".join(_wrapped(f"! {warning}", indent="  ") for warning in warnings)


def _wrapped(text: str, *, indent: str = "") -> str:
    return textwrap.fill(text, _WIDTH, subsequent_indent=indent, break_on_hyphens=False)
