"""A driver's program, one of whose trials never gets far."""

DYING = """
import os, sys
from workers import search
from workers.__main__ import main
from workers.trainable import TrialTrainable

class Dying(TrialTrainable):
    def _train(self):
        saved = (self._trial._folder.path / "checkpoint.pt").exists()
        if saved and self._output.path.name == "c-t0":
            os._exit(1)
        return super()._train()

search.TrialTrainable = Dying
sys.exit(main(["run"]))
"""
"""Its first trial trains for a moment, and then gets no farther in any process."""
