"""K-BFGS needs fewer epochs than Adam for Adam's best median training loss, tuned alike.

A short form of ``python -m benchmarks.epochs_to_loss``, whose figures stand in docs/benchmarks.md.
"""

import re
from pathlib import Path

import pytest

from benchmarks.epochs_to_loss import main


@pytest.mark.training
def test_kbfgs_reaches_adams_best_loss_in_fewer_epochs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--out", str(tmp_path), "--epochs", "8", "--trials", "4", "--seeds", "3"])
    printed = capsys.readouterr().out
    epochs = dict(re.findall(r"^  (kbfgs|adam) +(\d+|never) +[\d.]+ +[\d.]+ ", printed, re.M))
    assert epochs.keys() == {"kbfgs", "adam"}, printed
    assert int(epochs["kbfgs"]) < int(epochs["adam"]), printed
