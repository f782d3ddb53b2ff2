"""A report as plain text for a terminal."""

import textwrap

from service.contracts import numbers
from service.contracts.report import ProblemReport, Report
from service.contracts.text import harmless
from service.exports.tables import Table, tables_of, tables_over_problems

_WIDTH = 100
_MOST_PAIRS = 15
"""All pairs among six contenders; of more, those alone that the verdict is about."""


def render_text(report: Report) -> str:
    """The verdict's sentence first, then the tables and the warnings."""
    parts = [_problem(problem, titled=len(report.problems) > 1) for problem in report.problems]
    parts += _over_problems(report)
    if report.plugins:
        parts.append(_wrapped(f"with the plug-ins {', '.join(report.plugins)}"))
    if report.notes:
        parts.append("\n".join(_wrapped(note) for note in report.notes))
    if report.warnings:
        parts.append(_warnings(report.warnings))
    return harmless("\n\n".join(parts) + "\n")


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
    parts.append(_wrapped(problem.sentence))
    shown = _with_fewer_pairs(problem)
    left_out = len(problem.pairs) - len(shown.pairs)
    for entry in tables_of(shown):
        parts.append(aligned(entry.table))
        if entry.key == "pairs" and left_out:
            more = numbers.counted(left_out, "more pair")
            parts[-1] += f"\n({more} in report.html and report.json)"
    if problem.warnings:
        parts.append(_warnings(problem.warnings))
    return "\n\n".join(parts)


def _over_problems(report: Report) -> list[str]:
    if report.profiles is None:
        return []
    parts = ["Over all problems"]
    parts += [aligned(entry.table) for entry in tables_over_problems(report)]
    if report.profiles.notes:
        parts.append(_warnings(report.profiles.notes))
    return parts


def _with_fewer_pairs(problem: ProblemReport) -> ProblemReport:
    """With the pairs of the winner and the baseline alone, where all are more than are read."""
    if len(problem.pairs) <= _MOST_PAIRS:
        return problem
    named = {problem.winner, problem.baseline}
    kept = tuple(pair for pair in problem.pairs if named & {pair.first, pair.second})
    return problem.model_copy(update={"pairs": kept})


def _warnings(warnings: tuple[str, ...]) -> str:
    return "\n".join(_wrapped(f"! {warning}", indent="  ") for warning in warnings)


def _wrapped(text: str, *, indent: str = "") -> str:
    return textwrap.fill(text, _WIDTH, subsequent_indent=indent, break_on_hyphens=False)
