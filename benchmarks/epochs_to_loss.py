"""Epochs that each optimizer needs to reach the baseline's best median training loss.

Every contender is tuned with the same number of Sobol points and runs on the same fresh seeds,
through the same chain as a comparison without a server:

    python -m benchmarks.epochs_to_loss [--out DIR] [--contenders kbfgs adam] [--epochs 10]

Run again on the same DIR it goes on where it stopped, or prints the figures again.
"""

import argparse
import math
import statistics
from collections.abc import Sequence
from pathlib import Path

from service.contracts.catalogue import built_in
from service.contracts.events import MetricPoint
from service.contracts.spec import BudgetSpec, ComparisonSpec, ContenderSpec
from service.contracts.states import StudyKind, TrialState
from service.contracts.tuning import TuningSpec
from service.domain import planning
from service.domain.results import TrialResult
from workers.local import read_results, run_local


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    spec = ComparisonSpec(
        name="epochs to loss",
        problems=(options.problem,),
        contenders=tuple(ContenderSpec(optimizer=name) for name in options.contenders),
        baseline=options.baseline,
        budget=BudgetSpec(epochs=options.epochs),
        tuning=TuningSpec(trials=options.trials),
        seeds=options.seeds,
        seed=options.seed,
    )
    plan_path = options.out / "drawn.json"
    plan_path.write_text(planning.plan(spec, built_in()).model_dump_json(), encoding="utf-8")
    run_local(plan_path, options.out)
    results = read_results(options.out, built_in()).trials
    _print_search(spec, results)
    _print_finals(spec, [result for result in results if result.kind is StudyKind.FINALS])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out/epochs_to_loss"))
    parser.add_argument("--problem", default="mnist-5k-autoencoder")
    parser.add_argument("--contenders", nargs="+", default=["kbfgs", "adam"])
    parser.add_argument("--baseline", default="adam")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--trials", type=int, default=16)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    return parser


def _print_search(spec: ComparisonSpec, results: Sequence[TrialResult]) -> None:
    print(f"search: {spec.tuning.trials} points each, {spec.budget.epochs} epochs")
    for contender in spec.contenders:
        tried = [
            result
            for result in results
            if result.contender == contender.label and result.kind is StudyKind.TUNING
        ]
        for result in sorted(tried, key=_final_loss):
            settings = "  ".join(f"{name}={value:<9.3g}" for name, value in result.point.items())
            print(f"  {contender.label:8} {settings} {_final_loss(result):9.2f} {result.state}")


def _print_finals(spec: ComparisonSpec, finals: Sequence[TrialResult]) -> None:
    curves = {
        contender.label: _medians([one for one in finals if one.contender == contender.label])
        for contender in spec.contenders
    }
    target = min(curves[spec.baseline_label])
    print(f"\nfinals: {spec.seeds} fresh seeds, median training loss after each epoch")
    for label, curve in curves.items():
        print(f"  {label:8} " + " ".join(f"{loss:7.1f}" for loss in curve))
    print(f"\ntarget {target:.2f}: the best median training loss of {spec.baseline_label}")
    print("  contender   epochs   s/epoch   CPU s/epoch   s to target   best median   chosen")
    for label, curve in curves.items():
        runs = [one for one in finals if one.contender == label]
        pace = statistics.median(_an_epoch(one.points, "training_seconds") for one in runs)
        cpu_pace = statistics.median(_an_epoch(one.points, "process_seconds") for one in runs)
        epochs = next((epoch for epoch, loss in enumerate(curve) if loss <= target), None)
        seconds = "-" if epochs is None else f"{epochs * pace:.2f}"
        point = ", ".join(f"{name} {value:.3g}" for name, value in runs[0].point.items())
        print(
            f"  {label:10} {epochs if epochs is not None else 'never':>7} {pace:9.3f} "
            f"{cpu_pace:13.3f} {seconds:>13} {min(curve):13.2f}   {point}"
        )


def _medians(runs: Sequence[TrialResult]) -> list[float]:
    """The median over the runs after each epoch; a run that diverged counts as infinite."""
    curves = [{point.epoch: point.train_loss for point in run.points} for run in runs]
    epochs = max(max(curve) for curve in curves)
    return [
        statistics.median(_or_infinite(curve.get(epoch)) for curve in curves)
        for epoch in range(epochs + 1)
    ]


def _or_infinite(loss: float | None) -> float:
    return math.inf if loss is None else loss


def _final_loss(result: TrialResult) -> float:
    if result.state is not TrialState.FINISHED:
        return math.inf
    return _or_infinite(result.points[-1].train_loss)


def _an_epoch(points: Sequence[MetricPoint], clock: str) -> float:
    """Seconds of an epoch by one of the clocks, the warm start left out."""
    first, last = points[0], points[-1]
    spent: float = getattr(last, clock) - getattr(first, clock)
    return spent / max(last.epoch - first.epoch, 1)


if __name__ == "__main__":
    main()
