"""Studies as a driver is handed them, and that driver as a process beside a Ray head."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from service.contracts.catalogue import built_in
from service.contracts.plan import StudyAssignment, TrialAssignment
from service.contracts.states import StudyKind
from tests.support.ray_head import ROOT, RunningHead
from tests.support.study_service import TOKEN, StudyService


def trial(number: int, optimizer: str = "adam", **changed: Any) -> TrialAssignment:
    """The trial of that number, with the optimizer's defaults where nothing else is given."""
    entry = built_in().optimizer(optimizer)
    assert entry is not None
    settings = {setting.name: setting.default for setting in entry.settings}
    return TrialAssignment(
        trial_id=f"c-t{number}", contender=optimizer, optimizer=optimizer,
        settings={**settings, **changed}, seed=5,
    )  # fmt: skip


def study(*trials: TrialAssignment, **changed: Any) -> StudyAssignment:
    """A study of them on the small autoencoder, two epochs each."""
    usual = {
        "study_id": "c-s0", "attempt": 1, "comparison_id": "c", "kind": StudyKind.TUNING,
        "problem": "mnist-5k-autoencoder", "batch_size": 1000, "epochs": 2, "cpus": 1, "gpus": 0,
        "threads": 1, "exclusive": False,
    }  # fmt: skip
    return StudyAssignment(**{**usual, **changed}, trials=trials)


def start_driver(
    head: RunningHead, service: StudyService, storage: Path, *program: str
) -> subprocess.Popen[str]:
    """The driver of the study that the service hands out, or another program in its place."""
    environment = {
        **head.environment,
        "KBFGS_STUDY_ID": "c-s0",
        "KBFGS_STUDY_ATTEMPT": "1",
        "KBFGS_STUDY_TOKEN": TOKEN,
        "KBFGS_WEB_URL": service.url,
        "KBFGS_STORAGE": str(storage),
        "TMPDIR": str(storage / "scratch"),
    }
    (storage / "scratch").mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, *(program or ("-m", "workers", "run"))],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
