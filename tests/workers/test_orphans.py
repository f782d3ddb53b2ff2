"""What a dead Train controller had reserved is given back, and nothing else."""

import json
import subprocess
import sys

import pytest

from tests.support.ray_head import ROOT, ray_head

pytestmark = pytest.mark.ray


def test_a_placement_group_for_ranks_without_any_is_given_back():
    with ray_head(cpus=3) as head:
        probe = subprocess.run(
            [sys.executable, "-m", "tests.support.orphan_probe"],
            cwd=ROOT,
            env=head.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert probe.returncode == 0, probe.stderr
    told = json.loads(probe.stdout.splitlines()[-1])
    assert told == {
        "given_back": 1,
        "states": {"inhabited": "CREATED", "deserted": "REMOVED", "of a trial": "CREATED"},
    }
