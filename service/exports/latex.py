"""A report as LaTeX: a table for each table of it, to be put into a paper with ``\\input``."""

import re
from collections.abc import Iterator

from service.contracts.report import ProblemReport, Report
from service.exports.tables import Table, TitledTable, tables_of, tables_over_problems

_SYMBOLS = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "[": "{[}",  # after a row's end it would be a length
    "#": r"\#",
    "$": r"\$",
    "%": r"\%",
    "&": r"\&",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "`": r"\textasciigrave{}",
    '"': "''",
    "|": "$|$",
    "<": "$<$",
    ">": "$>$",
    "–": "--",
    "\N{MINUS SIGN}": "$-$",
    "×": r"$\times$",
    "·": r"$\cdot$",
    "±": r"$\pm$",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "∞": r"$\infty$",
    "→": r"$\to$",
    "τ": r"$\tau$",
    "ε": r"$\varepsilon$",
    "λ": r"$\lambda$",
    "β": r"$\beta$",
}
_SPECIAL = re.compile(f"[{re.escape(''.join(_SYMBOLS))}]")
_BETWEEN_DASHES = re.compile("(?<=[-–])(?=[-–])")
"""Between two dashes, which would run together into a longer one."""
_FIT = r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%"
"""As large as it is, and not wider than the column."""


def render_latex(report: Report) -> str:
    """Tables by booktabs; the first of each problem has the verdict's sentence and the warnings.

    What concerns the comparison as a whole stands once, below the first table. It needs the
    packages booktabs and graphicx, and no other.
    """
    head = (
        f"% Report of comparison {report.comparison_id}, "
        f"{report.generated_at:%Y-%m-%d %H:%M} UTC, {report.status}.\n"
        "% \\usepackage{booktabs}\n% \\usepackage{graphicx}"
    )
    floats: list[str] = []
    for problem in report.problems:
        floats += _problem(problem, report.comparison_id, beside=() if floats else _of_all(report))
    floats += _over_problems(report)
    return "\n\n".join((head, *floats)) + "\n"


def escaped(text: str) -> str:
    """Text that stands for itself, in one line."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    parts = _BETWEEN_DASHES.split(" ".join(printable.split()))
    return "{}".join(_SPECIAL.sub(lambda found: _SYMBOLS[found[0]], part) for part in parts)


def _of_all(report: Report) -> tuple[str, ...]:
    """What concerns all problems: where the runs come from, warnings and plug-ins."""
    plugins = (f"With the plug-ins {', '.join(report.plugins)}.",) if report.plugins else ()
    return (*report.notes, *report.warnings, *plugins)


def _problem(problem: ProblemReport, comparison: str, *, beside: tuple[str, ...]) -> list[str]:
    """The tables of one problem; the first has its warnings, and what is to stand beside them."""
    contenders, *further = tables_of(problem)
    label = f"{comparison}-{problem.problem}"
    return [
        _float(contenders, problem.sentence, label, notes=(*problem.warnings, *beside)),
        *(
            _float(entry, f"{entry.title}: {problem.title}. {entry.note}", label)
            for entry in further
        ),
    ]


def _over_problems(report: Report) -> Iterator[str]:
    """The tables of the profiles; the first has what a reader should know of them."""
    notes = report.profiles.notes if report.profiles else ()
    for entry in tables_over_problems(report):
        caption = f"{entry.title}: {report.name}. {entry.note}"
        yield _float(entry, caption, report.comparison_id, notes=notes)
        notes = ()


def _float(entry: TitledTable, caption: str, label: str, *, notes: tuple[str, ...] = ()) -> str:
    lines = [
        r"\begin{table}[htbp]",
        r"  \centering",
        rf"  \caption{{{escaped(caption)}}}",
        rf"  \label{{tab:{label}-{entry.key}}}",
        f"  {_FIT}",
        *_tabular(entry.table),
        "  }",
        *(rf"  \par\smallskip{{\footnotesize {escaped(note)}\par}}" for note in notes),
        r"\end{table}",
    ]
    return "\n".join(lines)


def _tabular(table: Table) -> list[str]:
    return [
        rf"  \begin{{tabular}}{{@{{}}{'l' * len(table.header)}@{{}}}}",
        r"    \toprule",
        _row(table.header),
        r"    \midrule",
        *map(_row, table.rows),
        r"    \bottomrule",
        r"  \end{tabular}",
    ]


def _row(cells: tuple[str, ...]) -> str:
    return rf"    {' & '.join(map(escaped, cells))} \\"
