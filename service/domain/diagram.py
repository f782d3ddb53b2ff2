"""The states and their changes as Mermaid diagrams, drawn from the table that decides."""

from collections.abc import Iterator

from service.contracts.states import ComparisonState, StudyState, TrialState
from service.domain.transitions import State, following

_HEAD = """# States

What a comparison, a study (the unit that the cluster is given) and a trial can be, and what each
may become. Every change is a row with its time and who made it: `GET /v1/comparisons/{id}/events`
streams them. A change that is not drawn here is refused with 409. The page is made from the table
in `service/domain/transitions.py`.
"""
_SUBJECTS: tuple[tuple[str, type[State]], ...] = (
    ("A comparison", ComparisonState),
    ("A study", StudyState),
    ("A trial", TrialState),
)


def page() -> str:
    """The documentation's page of states, in Markdown."""
    return _HEAD + "".join(_section(title, kind) for title, kind in _SUBJECTS)


def _section(title: str, kind: type[State]) -> str:
    drawing = "\n".join(f"    {line}" for line in _lines(kind))
    return f"\n## {title}\n\n```mermaid\nstateDiagram-v2\n{drawing}\n```\n"


def _lines(kind: type[State]) -> Iterator[str]:
    """Every state begins queued; one from which nothing follows has ended."""
    yield f"[*] --> {kind('queued')}"
    for state in kind:
        after = sorted(following(state))
        yield from (f"{state} --> {name}" for name in after)
        if not after:
            yield f"{state} --> [*]"
