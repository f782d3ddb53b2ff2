"""The factories against the catalogue: same names, same settings, same defaults."""

import dataclasses
import inspect

import pytest
import torch
from torch import nn

import kbfgs
from service.contracts.catalogue import built_in
from tests.support.tiny_training import OPTIMIZERS, settings_of
from workers import optimizers, problems
from workers.optimizers import UnknownOptimizer, build_optimizer, wants_warm_start

OF_THE_CATALOGUE_ALONE = {"warm_start"}


def model() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 4))


def entry_defaults(name: str) -> dict[str, object]:
    return {setting.name: setting.default for setting in built_in().optimizer(name).settings}


def signature_defaults(function: object) -> dict[str, object]:
    parameters = inspect.signature(function).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters}


def test_catalogue_and_factories_name_the_same_things():
    assert set(optimizers.FACTORIES) == {entry.name for entry in built_in().optimizers}
    assert set(problems.FACTORIES) == {entry.name for entry in built_in().problems}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_setting_of_the_catalogue_is_accepted(name):
    built = build_optimizer(name, model(), entry_defaults(name))
    assert isinstance(built, torch.optim.Optimizer)
    assert built.param_groups[0]["lr"] == entry_defaults(name)["lr"]


def test_kbfgs_has_the_librarys_defaults():
    config = {field.name: field.default for field in dataclasses.fields(kbfgs.KBFGSConfig)}
    ours = entry_defaults("kbfgs")
    shared = {name: ours[name] for name in ours if name not in {"safeguard", "warm_start"}}
    accepted = signature_defaults(kbfgs.KBFGS)
    assert shared == {name: accepted[name] for name in shared}
    assert shared == {name: config[name] for name in shared}


@pytest.mark.parametrize(
    ("name", "peer"), [("adam", torch.optim.Adam), ("rmsprop", torch.optim.RMSprop)]
)
def test_first_order_defaults_are_torchs(name, peer):
    accepted = signature_defaults(peer)
    assert entry_defaults(name) == {setting: accepted[setting] for setting in entry_defaults(name)}


def test_the_safeguard_is_the_librarys_or_none():
    on = build_optimizer("kbfgs", model(), settings_of("kbfgs", safeguard=True))
    off = build_optimizer("kbfgs", model(), settings_of("kbfgs", safeguard=False))
    assert on.config.safeguard == kbfgs.Safeguard()
    assert off.config.safeguard is None


def test_settings_reach_the_optimizer():
    built = build_optimizer("kbfgs", model(), settings_of("kbfgs", powell=0.25, momentum=0.5))
    assert (built.config.powell, built.config.momentum) == (0.25, 0.5)
    betas = (0.8, 0.95)
    assert build_optimizer("adam", model(), settings_of("adam", betas=betas)).defaults["betas"] == (
        0.8,
        0.95,
    )


def test_only_kbfgs_asks_for_a_warm_start():
    assert [name for name in OPTIMIZERS if wants_warm_start(entry_defaults(name))] == ["kbfgs"]


def test_an_unknown_optimizer_is_refused_with_those_that_exist():
    with pytest.raises(UnknownOptimizer, match="adam"):
        build_optimizer("adamz", model(), {})
