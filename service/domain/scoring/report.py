"""The report of a comparison from its trials: every figure, test and sentence."""

from collections.abc import Mapping
from datetime import datetime

from service.contracts.catalogue import Catalogue
from service.contracts.plan import Point
from service.contracts.report import (
    ContenderReport,
    Interval,
    PairReport,
    ProblemReport,
    Report,
    Target,
)
from service.contracts.spec import ComparisonSpec, Outcome
from service.contracts.states import ENDED_TRIALS, StudyKind, TrialState
from service.domain import draws
from service.domain.planning import minimum_seeds
from service.domain.results import ComparisonResults, own_failure, trials_of
from service.domain.scoring import intervals
from service.domain.scoring.caveats import caveats
from service.domain.scoring.contenders import contender_report
from service.domain.scoring.findings import Findings, leader_of, titles
from service.domain.scoring.history import notes
from service.domain.scoring.pairs import Pair, compare, ratio
from service.domain.scoring.profiles import profiles
from service.domain.scoring.reruns import rerun_report, unchosen
from service.domain.scoring.runs import Run, counted_runs
from service.domain.scoring.sentence import sentence
from service.domain.scoring.targets import MARGIN, moved, relative_target
from service.domain.scoring.verdict import decide, more_seeds
from service.domain.scoring.warnings import warnings
from service.domain.scoring.work import work_of
from service.domain.selection import current, deciding_metric, select


def score(results: ComparisonResults, catalogue: Catalogue, *, now: datetime) -> Report:
    """Who wins on each problem, by how much, and how sure that is.

    Any results give a report: what is missing, diverged or failed is said in words.

    Args:
        results: Every trial of the comparison, as far as it ran.
        catalogue: Where titles and default spaces are found.
        now: When the report is made.
    """
    results = current(results, catalogue)
    spec = results.spec
    found = [_findings(results, catalogue, problem) for problem in spec.problems]
    problems = tuple(_problem_report(results, catalogue, findings) for findings in found)
    rerun = rerun_report(results.capsule, results, catalogue) if results.capsule else None
    return Report(
        comparison_id=results.comparison_id,
        name=spec.name,
        status="final" if results.complete else "interim",
        generated_at=now,
        seeds=spec.seeds,
        epochs=spec.budget.epochs,
        work=work_of(results, catalogue),
        minimum_seeds=minimum_seeds(len(spec.contenders)),
        problems=problems,
        profiles=profiles(found, seed=draws.derived(spec.seed, "profiles", 0)),
        plugins=results.plugins,
        rerun=rerun,
        notes=notes(results, problems, rerun),
        warnings=(*caveats(results), *unchosen(results, catalogue)),
    )


def _problem_report(
    results: ComparisonResults, catalogue: Catalogue, findings: Findings
) -> ProblemReport:
    problem = findings.problem
    entry = catalogue.problem(problem)
    return ProblemReport(
        problem=problem,
        title=entry.title if entry else problem,
        metric=findings.metric,
        outcome=findings.outcome,
        target=findings.target,
        sentence=sentence(findings),
        winner=findings.verdict.winner,
        beats_baseline=findings.verdict.beats_baseline,
        baseline=findings.baseline,
        contenders=tuple(findings.contenders.values()),
        pairs=tuple(map(_pair_report, findings.pairs)),
        more_seeds=findings.more_seeds,
        warnings=warnings(
            findings,
            tuning=trials_of(results, problem, StudyKind.TUNING),
            finals=trials_of(results, problem, StudyKind.FINALS),
        ),
    )


def _findings(results: ComparisonResults, catalogue: Catalogue, problem: str) -> Findings:
    spec = results.spec
    metric = deciding_metric(spec, problem, catalogue)
    out = _out(results, problem)
    runs = {
        contender.label: counted_runs(
            trials_of(results, problem, StudyKind.FINALS, contender.label), metric
        )
        for contender in spec.contenders
        if contender.label not in (*out, *results.cancelled)
    }
    target = _target(spec, runs)
    pairs = _pairs(spec, runs, target)
    verdict = decide(pairs, tuple(runs), spec.baseline_label)
    contenders = _contender_reports(results, catalogue, problem, target=target)
    reports = [contenders[name] for name in runs]
    leader = verdict.winner or leader_of(reports, pairs, spec.verdict.outcome)
    trials = [trial for trial in results.trials if trial.problem == problem]
    finals = trials_of(results, problem, StudyKind.FINALS)
    return Findings(
        spec=spec,
        problem=problem,
        metric=metric,
        titles=titles(spec, catalogue),
        contenders=contenders,
        out=out,
        cancelled=results.cancelled,
        target=Target(
            value=target,
            rule="relative" if spec.verdict.target == "relative" else "given",
            winner_changes=_winner_changes(spec, runs, target, verdict.winner)
            if results.complete
            else None,
        ),
        outcomes={
            name: {run.seed: run.outcome(spec.verdict.outcome, target) for run in own}
            for name, own in runs.items()
        },
        pairs=pairs,
        verdict=verdict,
        leader=leader,
        more_seeds=more_seeds(pairs, leader, tuple(runs))
        if results.complete and leader is not None
        else None,
        complete=results.complete,
        stopped=results.stopped,
        ended_trials=sum(trial.state in ENDED_TRIALS - _left_out(results) for trial in trials),
        all_trials=len(trials) + (0 if finals else len(runs) * spec.seeds),
    )


def _left_out(results: ComparisonResults) -> frozenset[TrialState]:
    """What does not count as a trial's end: a cancelled trial, where all that was left is one."""
    return frozenset({TrialState.CANCELLED} if results.stopped else ())


def _out(results: ComparisonResults, problem: str) -> tuple[str, ...]:
    """Contenders, none cancelled, of whose search every trial diverged or failed by itself."""
    searches = {
        contender.label: trials_of(results, problem, StudyKind.TUNING, contender.label)
        for contender in results.spec.contenders
        if contender.label not in results.cancelled
    }
    return tuple(
        name for name, trials in searches.items() if trials and all(map(own_failure, trials))
    )


def _target(spec: ComparisonSpec, runs: Mapping[str, tuple[Run, ...]]) -> float | None:
    rule = spec.verdict.target
    if rule != "relative":
        return rule
    return relative_target([run.best_loss for run in own] for own in runs.values())


def _winner_changes(
    spec: ComparisonSpec,
    runs: Mapping[str, tuple[Run, ...]],
    target: float | None,
    winner: str | None,
) -> bool | None:
    """Whether another wins where the target is moved; None where no target decides."""
    if target is None or spec.verdict.outcome is Outcome.FINAL_LOSS:
        return None
    return any(
        decide(_pairs(spec, runs, moved(target, share)), tuple(runs), spec.baseline_label).winner
        != winner
        for share in (-MARGIN, MARGIN)
    )


def _pairs(
    spec: ComparisonSpec, runs: Mapping[str, tuple[Run, ...]], target: float | None
) -> tuple[Pair, ...]:
    return compare(
        runs,
        spec.verdict.outcome,
        target=target,
        baseline=spec.baseline_label,
        seed=draws.derived(spec.seed, "permutation", 0),
    )


def _contender_reports(
    results: ComparisonResults, catalogue: Catalogue, problem: str, *, target: float | None
) -> dict[str, ContenderReport]:
    chosen: dict[str, Point] = select(results, problem, catalogue)
    metric = deciding_metric(results.spec, problem, catalogue)
    return {
        contender.label: contender_report(
            contender,
            catalogue,
            chosen=chosen.get(contender.label),
            tuning=trials_of(results, problem, StudyKind.TUNING, contender.label),
            finals=trials_of(results, problem, StudyKind.FINALS, contender.label),
            metric=metric,
            target=target,
            spec=results.spec,
        )
        for contender in results.spec.contenders
    }


def _pair_report(pair: Pair) -> PairReport:
    bounds = pair.bounds
    return PairReport(
        first=pair.first,
        second=pair.second,
        ratio=_ratios(bounds) if bounds else Interval(median=None),
        p_value=pair.p_value,
        corrected_p=pair.corrected_p,
        baseline_corrected_p=pair.baseline_corrected_p,
        seeds=len(pair.log_ratios),
        censored=pair.censored,
        better=pair.better,
    )


def _ratios(bounds: intervals.Bounds) -> Interval:
    return Interval(median=ratio(bounds.median), low=ratio(bounds.low), high=ratio(bounds.high))
