"""Plug-ins on the workers: their factories, what is broken about them, and who is told."""

from pathlib import Path

import pytest
import torch
from torch import nn

from service.contracts.catalogue import built_in
from service.contracts.events import TrialEnded, TrialStarted
from service.contracts.states import FailureKind
from tests.support.plugin_packages import fresh_package, install, install_entries
from tests.support.tiny_training import losses_of, tiny, trial_plan
from workers.__main__ import main
from workers.context import TrialFolder, TrialPlan
from workers.optimizers import build_optimizer
from workers.plugins import PluginBroken
from workers.problems import build_problem
from workers.trial import Trial

WORKING = """
import torch

def build(model, settings):
    return torch.optim.SGD(model.parameters(), **settings)

class Valley:
    name = "valley"
    build_model = load = loss = sample_targets = None
"""
LINE = "plug-in kbfgs-walk 1.0 is disabled: "


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path / "site")
    return tmp_path / "site"


def walking(**changed: object) -> TrialPlan:
    plan = trial_plan("adam", **changed)
    trial = plan.trial.model_copy(update={"optimizer": "walk", "settings": {"lr": 0.01}})
    return plan.model_copy(update={"trial": trial})


def run(plan: TrialPlan, folder: Path) -> list[object]:
    trial = Trial(plan, TrialFolder(folder), problems=tiny)
    events = trial.start()
    while not trial.ended:
        events += trial.advance()
    return events


def test_its_optimizer_and_its_problem_are_built_by_their_names(site):
    install_entries(site, problem="valley", code=WORKING)
    built = build_optimizer("walk", nn.Linear(2, 2), {"lr": 0.5})
    assert (type(built), built.param_groups[0]["lr"]) == (torch.optim.SGD, 0.5)
    assert build_problem("valley").name == "valley"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("", "{package}.code has no function build"),
        ("build = 3", "{package}.code has no function build"),
        ("import not_there", "importing {package}.code raised ModuleNotFoundError: No module"),
        ("1 / 0", "importing {package}.code raised ZeroDivisionError: division by zero"),
        ("raise ValueError('a\\nb')", "importing {package}.code raised ValueError: a b"),
        ("raise SystemExit(3)", "importing {package}.code raised SystemExit: 3"),
        ("def build(model", "importing {package}.code raised SyntaxError: '(' was never closed"),
        (
            "def build(model, settings): return model",
            "{package}.code:build gave Linear, which is no torch.optim.Optimizer",
        ),
    ],
)
def test_a_broken_factory_is_one_line_and_the_built_ins_stay(site, code, reason):
    package = install_entries(site, code=code)
    with pytest.raises(PluginBroken) as broken:
        build_optimizer("walk", nn.Linear(2, 2), {"lr": 0.5})
    line = str(broken.value)
    assert line.startswith(LINE + reason.format(package=package))
    assert "\n" not in line
    assert isinstance(build_optimizer("sgd", nn.Linear(2, 2), {"lr": 1.0}), torch.optim.SGD)


def test_a_problem_that_lacks_a_part_is_refused_by_the_parts_name(site):
    install_entries(site, problem="valley", code=WORKING.replace("= sample_targets", ""))
    with pytest.raises(PluginBroken, match="gave Valley, which has no sample_targets"):
        build_problem("valley")


def test_a_trial_tells_what_it_was_made_with(site, tmp_path):
    install_entries(site, code=WORKING)
    first = run(walking(), tmp_path / "trial")[0]
    assert isinstance(first, TrialStarted)
    assert first.environment.plugins == ("kbfgs-walk 1.0",)
    assert run(trial_plan("adam"), tmp_path / "other")[0].environment.plugins == ()


def test_a_trial_of_a_broken_plugin_fails_with_that_line(site, tmp_path):
    package = install_entries(site, code="1 / 0")
    end = run(walking(), tmp_path / "trial")[-1]
    assert isinstance(end, TrialEnded)
    assert (end.outcome, end.failure) == ("failed", FailureKind.BUG)
    assert end.message == (
        f"{LINE}importing {package}.code raised ZeroDivisionError: division by zero"
    )


def test_a_checkpoint_of_another_version_is_not_gone_on_from(site, tmp_path, monkeypatch):
    package = install_entries(site, code=WORKING)
    trial = Trial(walking(epochs=2), TrialFolder(tmp_path / "trial"), problems=tiny)
    trial.start()
    trial.advance()
    again = Trial(walking(epochs=2), TrialFolder(tmp_path / "trial"), problems=tiny)
    assert len(losses_of(again.start())) == 2, "the same version goes on"

    files = {path.name: path.read_text() for path in (site / package).glob("*.*")}
    install(tmp_path / "newer", package, version="1.1", files=files)
    monkeypatch.syspath_prepend(tmp_path / "newer")
    newer = Trial(walking(epochs=2), TrialFolder(tmp_path / "trial"), problems=tiny)
    assert len(losses_of(newer.start())) == 1, "another one begins anew"


def test_the_problems_are_listed_and_a_broken_one_is_a_line_beside(site, capsys):
    install_entries(site, optimizer=None, problem="valley", code=WORKING)
    broken = install_entries(
        site, distribution="kbfgs-worse", optimizer=None, problem="abyss", code="1 / 0"
    )
    assert main(["problems"]) == 0
    printed = capsys.readouterr()
    assert "valley: Valley\n  Has a bottom.\n  usually 2 epochs in batches of 10" in printed.out
    assert "abyss" not in printed.out
    assert all(f"{entry.name}: " in printed.out for entry in built_in().problems)
    assert printed.err.startswith(
        f"plug-in kbfgs-worse 1.0 is disabled: importing {broken}.code raised ZeroDivisionError"
    )


def test_the_plugins_are_listed_as_they_are_once_imported(site, capsys):
    install_entries(site, distribution="kbfgs-a", problem="valley", code=WORKING)
    install_entries(site, distribution="kbfgs-b", optimizer="fall", code="1 / 0")
    install(site, fresh_package(), distribution="kbfgs-c", files={})
    assert main(["plugins"]) == 0
    first, second, third = sorted(capsys.readouterr().out.splitlines())
    assert first == "kbfgs-a 1.0: optimizer walk; problem valley"
    assert second.startswith("plug-in kbfgs-b 1.0 is disabled: importing ")
    assert third.startswith("plug-in kbfgs-c 1.0 is disabled: its package ")
