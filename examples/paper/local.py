"""A comparison on this machine by the three commands of the local chain, stopped and resumed."""

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from examples.paper.deadline import Deadline
from examples.paper.outcomes import Outcome, not_run, runs_of_results
from examples.paper.weights import weight_terms
from service.commands.errors import Refused
from service.commands.score import read_folder
from service.contracts import numbers
from service.contracts.catalogue import built_in
from service.contracts.report import Report
from service.contracts.states import ENDED_TRIALS
from service.domain.results import ComparisonResults

ROOT = Path(__file__).parents[2]
POLL_SECONDS = 0.5
TOLD_SECONDS = 60.0


@dataclass(frozen=True)
class LocalChain:
    """Runs comparisons in folders below ``out``; what is there already is kept."""

    out: Path

    def run(self, spec: Path, deadline: Deadline) -> Outcome:
        """Plan, train until the deadline, and score.

        A comparison that was stopped goes on where it was, at most an epoch before.
        """
        if deadline.passed:
            return self.read(spec, f"{deadline} was used up before it began or went on")
        folder = self.out / spec.stem
        folder.mkdir(parents=True, exist_ok=True)
        planned = subprocess.run(_command("service", "plan", spec), **_QUIET, check=False)
        if planned.returncode:
            return not_run(spec.stem, _last_line(planned.stderr))
        plan = folder / "planned.json"
        plan.write_text(planned.stdout, encoding="utf-8")
        return self.read(spec, self._train(plan, folder, deadline))

    def read(self, spec: Path, missing: str = "") -> Outcome:
        """What there is of a comparison, with nothing trained."""
        folder = self.out / spec.stem
        try:
            results = read_folder(folder, built_in())
        except Refused:
            return not_run(spec.stem, missing or "it was never begun")
        return Outcome(
            name=spec.stem,
            spec=results.spec,
            runs=runs_of_results(results),
            report=_scored(folder),
            missing="" if results.complete else missing or "it was stopped",
            machines=_machines(results),
            weight_terms=weight_terms(folder, results),
        )

    def _train(self, plan: Path, folder: Path, deadline: Deadline) -> str:
        """Run the plan; says why it did not come to its end, or nothing."""
        process = subprocess.Popen(
            _command("workers", "run", "--local", plan, "--out", folder),
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        told = time.monotonic()
        try:
            while process.poll() is None and not deadline.passed:
                time.sleep(POLL_SECONDS)
                if time.monotonic() - told >= TOLD_SECONDS:
                    told = time.monotonic()
                    print(f"  {folder.name}: {_progress(folder)}", flush=True)
        finally:
            stopped = process.poll() is None
            process.terminate()
            _, errors = process.communicate()
        if stopped:
            return f"stopped by {deadline}: {_progress(folder)}; call again to go on"
        return _last_line(errors) if process.returncode else ""


_QUIET = {"cwd": ROOT, "capture_output": True, "text": True}


def _command(module: str, *arguments: object) -> list[str]:
    return [sys.executable, "-m", module, *map(str, arguments)]


def _last_line(text: str) -> str:
    return next(reversed(text.strip().splitlines()), "it ended without a word")


def _progress(folder: Path) -> str:
    """``12 of 60 planned runs ended``; finals are planned once the searches ended."""
    try:
        trials = read_folder(folder, built_in()).trials
    except Refused:
        return "nothing is trained yet"
    ended = sum(trial.state in ENDED_TRIALS for trial in trials)
    return f"{ended} of {numbers.counted(len(trials), 'planned run')} ended"


def _scored(folder: Path) -> Report | None:
    scored = subprocess.run(_command("service", "score", folder), **_QUIET, check=False)
    if scored.returncode:
        return None
    return Report.model_validate_json((folder / "report.json").read_bytes())


def _machines(results: ComparisonResults) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys(
            f"{place.device}, {numbers.counted(place.threads, 'thread')}, Python {place.python}, "
            f"PyTorch {place.torch}"
            for trial in results.trials
            if (place := trial.environment) is not None
        )
    )
