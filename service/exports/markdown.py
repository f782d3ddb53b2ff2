"""A report as Markdown: the text of a pull request, an issue or a README."""

import re

from service.contracts.report import ProblemReport, Report
from service.exports.tables import Table, TitledTable, tables_of, tables_over_problems

_SPECIAL = re.compile(r"[\\`*_\[\]<>|~$#@&]")
_ESCAPED = {"<": "&lt;", ">": "&gt;", "&": "&amp;", "#": "#<!-- -->", "@": "@<!-- -->"}
"""Where a backslash is not enough: a comment keeps a name from being notified, a number from
becoming a link."""


def render_markdown(report: Report) -> str:
    """The verdict's sentence first, then the warnings and the tables, as GitHub shows them."""
    titled = len(report.problems) > 1
    parts = [part for problem in report.problems for part in _problem(problem, titled=titled)]
    if report.profiles is not None:
        parts.append("## Over all problems")
        parts += _warnings(report.profiles.notes)
        parts += [_titled(entry) for entry in tables_over_problems(report)]
    parts += map(escaped, report.notes)
    parts += _warnings(report.warnings)
    if report.plugins:
        parts.append(f"With the plug-ins {escaped(', '.join(report.plugins))}.")
    made = f"{report.generated_at:%Y-%m-%d %H:%M} UTC"
    parts.append(f"<sub>{escaped(report.name)}, comparison {report.comparison_id}, {made}</sub>")
    return "\n\n".join(parts) + "\n"


def escaped(text: str) -> str:
    """Text that stands for itself, in one line, in a cell too."""
    return _SPECIAL.sub(
        lambda found: _ESCAPED.get(found[0], f"\\{found[0]}"), " ".join(text.split())
    )


def _problem(problem: ProblemReport, *, titled: bool) -> list[str]:
    parts = [f"## {escaped(problem.title)}"] if titled else []
    parts.append(f"**{escaped(problem.sentence)}**")
    parts += _warnings(problem.warnings)
    contenders, *further = tables_of(problem)
    return [*parts, _table(contenders.table), *map(_titled, further)]


def _titled(entry: TitledTable) -> str:
    parts = [f"#### {escaped(entry.title)}", escaped(entry.note), _table(entry.table)]
    return "\n\n".join(filter(None, parts))


def _table(table: Table) -> str:
    header, *rows = (tuple(map(escaped, row)) for row in (table.header, *table.rows))
    lines = (header, ("---",) * len(header), *rows)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _warnings(warnings: tuple[str, ...]) -> list[str]:
    if not warnings:
        return []
    return ["\n".join(("> [!WARNING]", *(f"> - {escaped(warning)}" for warning in warnings)))]
