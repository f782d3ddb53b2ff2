"""What was run and what came of it, as Markdown."""

import statistics
from collections.abc import Iterator, Sequence
from datetime import datetime

from examples.paper.outcomes import Outcome, Run
from examples.paper.published import SETTINGS, SOURCE, TRAIN_LOSS
from service.contracts import numbers
from service.contracts.spec import ComparisonSpec, ContenderSpec
from service.contracts.states import StudyKind, TrialState


def document(outcomes: Sequence[Outcome], *, now: datetime) -> str:
    """All comparisons: verdict, figure, what each method got, the published figures."""
    parts = [f"# The paper's comparisons, {now:%Y-%m-%d}", *map(_section, outcomes)]
    missing = [f"- `{one.name}`: {one.missing}" for one in outcomes if one.missing]
    if missing:
        parts.append("\n".join(("## Not run, or not to the end", "", *missing)))
    return "\n\n".join(parts) + "\n"


def _section(outcome: Outcome) -> str:
    spec = outcome.spec
    if spec is None:
        return f"## {outcome.name}\n\nNot run: {outcome.missing}."
    parts = [f"## {spec.name}"]
    if outcome.report is not None:
        parts += [problem.sentence for problem in outcome.report.problems]
    if any(outcome.shown(one.label) for one in spec.contenders):
        parts.append(f"![Training loss of all methods]({outcome.name}.svg)")
    parts.append(_table(_CELLS, [_cells(outcome, one) for one in spec.contenders]))
    parts += [_published(outcome, spec, problem) for problem in spec.problems]
    if outcome.machines:
        parts.append(f"Ran on {'; '.join(outcome.machines)}.")
    if outcome.missing:
        parts.append(f"Not run to the end: {outcome.missing}.")
    return "\n\n".join(filter(None, parts))


_CELLS = ("method", "chosen", "search: ran of planned", "finals", "final loss", "seconds of a run")


def _cells(outcome: Outcome, contender: ContenderSpec) -> tuple[str, ...]:
    search = outcome.of(contender.label, StudyKind.TUNING)
    finals = outcome.of(contender.label, StudyKind.FINALS)
    whole = [run for run in finals if run.final_loss is not None]
    losses = [loss for run in whole if (loss := run.final_loss) is not None]
    chosen = numbers.settings(finals[0].point) if finals else numbers.DASH
    return (
        contender.label,
        chosen,
        _ran(search),
        _ran(finals) if finals else "none planned",
        _spread(losses),
        numbers.number(statistics.median(run.seconds[-1] for run in whole) if whole else None),
    )


def _ran(runs: Sequence[Run]) -> str:
    """``4 of 4, 1 diverged``."""
    ended = sum(run.ended for run in runs)
    bad = [
        f"{count} {state}"
        for state in (TrialState.DIVERGED, TrialState.FAILED)
        if (count := sum(run.state is state for run in runs))
    ]
    return ", ".join((f"{ended} of {len(runs)}", *bad))


def _spread(losses: Sequence[float]) -> str:
    if not losses:
        return numbers.DASH
    span = numbers.span(min(losses), max(losses), write=numbers.loss) if len(losses) > 1 else ""
    return numbers.loss(statistics.median(losses)) + (f" ({span})" if span else "")


def _published(outcome: Outcome, spec: ComparisonSpec, problem: str) -> str:
    """The authors' figures beside these, where they published some."""
    rows = [
        row
        for contender in spec.contenders
        for row in _published_rows(outcome, contender, TRAIN_LOSS.get(problem, {}))
    ]
    if not rows:
        return ""
    header = ("method", "settings", "epoch", "published", "here", "difference", "runs")
    terms = "; ".join(f"{name} {numbers.number(term)}" for name, term in outcome.weight_terms)
    measured = f" At the end of a run it is here: {terms}." if terms else ""
    note = (
        f"Published: {SOURCE}, one run each. Their loss has tau/2 |W|^2 in it, the one here has "
        f"not.{measured}"
    )
    return f"{_table(header, rows)}\n\n{note}"


def _published_rows(
    outcome: Outcome, contender: ContenderSpec, published: dict[str, dict[int, float]]
) -> Iterator[tuple[str, ...]]:
    runs = outcome.shown(contender.label)
    settings = {**contender.settings, **(runs[0].point if runs else {})}
    shown = {name: settings[name] for name in ("lr", "damping") if name in settings}
    for epoch, loss in published.get(contender.optimizer, {}).items():
        found = [value for run in runs if (value := run.loss_at(epoch)) is not None]
        here = statistics.median(found) if found else None
        yield (
            contender.label,
            f"{numbers.settings(shown)} (published: {SETTINGS[contender.optimizer]})",
            str(epoch),
            f"{loss:.2f}",
            "not run" if here is None else f"{here:.2f}",
            numbers.DASH if here is None else f"{here - loss:+.2f}",
            str(len(found)),
        )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = (header, ["---"] * len(header), *rows)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
