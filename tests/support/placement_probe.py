"""Trials that train nothing: how many with so many GPUs run at once, and which ones they see.

    python -m tests.support.placement_probe FOLDER GPUS:AT_ONCE ...

inside of a cluster, runs AT_ONCE + 1 of them for each pair. Each stays until AT_ONCE have begun and
a second longer. When each began and ended, its devices, and how many the driver would allow at
once are printed as JSON, a line for each pair.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import ray
from ray import tune

from workers.resources import TrialResources
from workers.search import connect
from workers.trainable import TrialTrainable

LONGER_SECONDS = 1.0
PATIENCE_SECONDS = 60.0


class Probe(TrialTrainable):
    """Asks for what a trial asks for."""

    def setup(self, config: dict[str, Any]) -> None:
        self._folder, self._at_once = Path(config["folder"]), config["at_once"]

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        return True

    def step(self) -> dict[str, Any]:
        began = time.time()
        (self._folder / self.trial_id).touch()
        while len(list(self._folder.iterdir())) < self._at_once:
            assert time.time() < began + PATIENCE_SECONDS, "the others did not come"
            time.sleep(0.05)
        time.sleep(LONGER_SECONDS)
        devices = os.environ["CUDA_VISIBLE_DEVICES"]
        return {"done": True, "began": began, "ended": time.time(), "devices": devices}

    def cleanup(self) -> None:
        pass


def probe(folder: Path, gpus: float, at_once: int) -> dict[str, Any]:
    """What became of the trials with so many GPUs each."""
    folder.mkdir(parents=True)
    resources = TrialResources(cpus=0.1, gpus=gpus, exclusive=False)
    given = {"bundle": resources.bundle, "folder": str(folder), "at_once": at_once}
    results = tune.Tuner(
        Probe,
        param_space=given,
        tune_config=tune.TuneConfig(num_samples=at_once + 1, reuse_actors=True),
        run_config=tune.RunConfig(storage_path=str(folder.with_suffix(".tune")), verbose=0),
    ).fit()
    told = [result.metrics or {} for result in results]
    seen = [{name: one[name] for name in ("began", "ended", "devices")} for one in told]
    return {"allowed": resources.at_once(ray.cluster_resources()), "trials": seen}


if __name__ == "__main__":
    connect()
    for pair in sys.argv[2:]:
        gpus, at_once = pair.split(":")
        print(json.dumps(probe(Path(sys.argv[1]) / pair, float(gpus), int(at_once))))
