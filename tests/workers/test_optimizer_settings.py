"""The catalogue's settings against the libraries' signatures: names, defaults and bounds."""

import inspect
import math

import pytest
import torch
from pytorch_optimizer import SOAP, ScalableShampoo
from torch import nn

import kbfgs
from service.contracts.catalogue import Setting, built_in
from service.contracts.catalogue.schedules import SCHEDULE_SETTINGS
from tests.support.tiny_training import OPTIMIZERS, TinyAutoencoder, settings_of
from workers.optimizers import build_optimizer
from workers.optimizers.paper import PaperRMSprop, PaperSGD
from workers.step import optimization_step

CPU = torch.device("cpu")

PEERS = {
    "kbfgs": kbfgs.KBFGS,
    "kbfgs-l": kbfgs.KBFGS,
    "kfac": kbfgs.KFAC,
    "adam": torch.optim.Adam,
    "adam-paper": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "nadamw": torch.optim.NAdam,
    "rmsprop": torch.optim.RMSprop,
    "rmsprop-paper": PaperRMSprop,
    "sgd": torch.optim.SGD,
    "sgd-paper": PaperSGD,
    "lbfgs": torch.optim.LBFGS,
    "muon": torch.optim.Muon,
    "soap": SOAP,
    "shampoo": ScalableShampoo,
}
OURS_ALONE = {
    "kbfgs": {"safeguard", "warm_start"},
    "kbfgs-l": {"safeguard", "warm_start"},
    "kfac": {"safeguard", "warm_start"},
    "rmsprop-paper": {"warm_start"},
    "lbfgs": {"strong_wolfe", "weight_decay"},
    "muon": {"other_lr"},
}
OTHER_DEFAULTS = {
    "kbfgs-l": {"memory": None},
    "adam-paper": {"betas": (0.9, 0.999)},
    "sgd": {"lr": 1e-3, "momentum": 0},
    "sgd-paper": {"lr": inspect.Parameter.empty},
    "rmsprop-paper": {"lr": inspect.Parameter.empty},
    "muon": {"adjust_lr_fn": None},
    "shampoo": {"preconditioning_compute_steps": 1000},
}
"""What the library takes where the catalogue has another default."""


def shared_settings(name: str) -> list[Setting]:
    """The settings of an entry that the library knows too."""
    leave_out = OURS_ALONE.get(name, set()) | {setting.name for setting in SCHEDULE_SETTINGS}
    return [s for s in built_in().optimizer(name).settings if s.name not in leave_out]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_names_and_defaults_are_the_librarys(name):
    accepted = inspect.signature(PEERS[name]).parameters
    ours = {setting.name: setting.default for setting in shared_settings(name)}
    theirs = {setting: accepted[setting].default for setting in ours}
    others = OTHER_DEFAULTS.get(name, {})
    assert {setting: theirs[setting] for setting in others} == others
    assert {**theirs, **{setting: ours[setting] for setting in others}} == ours


def allowed_extremes(setting: Setting) -> list[float]:
    """The values next to the bounds that are just allowed."""
    whole = setting.kind == "int"
    extremes: list[float] = []
    if setting.above is not None:
        extremes.append(setting.above + 1e-12)
    if setting.at_least is not None:
        extremes.append(int(setting.at_least) if whole else setting.at_least)
    if setting.below is not None:
        extremes.append(math.nextafter(setting.below, -math.inf))
    if setting.at_most is not None:
        extremes.append(int(setting.at_most) if whole else setting.at_most)
    return extremes


def refused_extremes(setting: Setting) -> list[float]:
    """The values next to the bounds that are just refused."""
    whole = setting.kind == "int"
    extremes = [bound for bound in (setting.above, setting.below) if bound is not None]
    if setting.at_least is not None:
        extremes.append(int(setting.at_least) - 1 if whole else setting.at_least - 1e-6)
    if setting.at_most is not None:
        extremes.append(setting.at_most + 1e-6)
    return extremes


def built_with(name: str, setting: Setting, value: float) -> torch.optim.Optimizer:
    network = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 4))
    given = (value, value) if setting.kind == "floats" else value
    return build_optimizer(name, network, settings_of(name, **{setting.name: given}))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_what_the_catalogue_allows_the_library_takes(name):
    """Some libraries look at a value no sooner than in a step."""
    problem = TinyAutoencoder()
    batch = next(problem.load(CPU).train.cut(20))
    for setting in shared_settings(name):
        for value in (*allowed_extremes(setting), *(setting.choices or ())):
            given = (value, value) if setting.kind == "floats" else value
            assert setting.refusal(given) is None
            network = problem.build_model()
            optimizer = build_optimizer(name, network, settings_of(name, **{setting.name: given}))
            optimization_step(network, optimizer, problem=problem, batch=batch)


def test_more_iterations_than_muon_takes_are_refused_before_it_steps():
    problem, network = TinyAutoencoder(), TinyAutoencoder().build_model()
    optimizer = build_optimizer("muon", network, settings_of("muon", ns_steps=100))
    with pytest.raises(ValueError, match="less than 100"):
        optimization_step(
            network, optimizer, problem=problem, batch=next(problem.load(CPU).train.cut(20))
        )
    assert built_in().optimizer("muon").setting("ns_steps").refusal(100) == "must be <= 99, got 100"


@pytest.mark.parametrize("name", ["kbfgs", "kbfgs-l", "kfac"])
def test_what_the_catalogue_refuses_the_library_refuses_too(name):
    for setting in shared_settings(name):
        for value in refused_extremes(setting):
            assert setting.refusal(value) is not None
            with pytest.raises(kbfgs.ConfigurationError, match=setting.name):
                built_with(name, setting, value)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_weight_decay_says_which_of_the_two_it_is(name):
    (decay,) = [s for s in built_in().optimizer(name).settings if s.name == "weight_decay"]
    assert "gradient" in decay.summary or "decoupled" in decay.summary


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_is_described_with_a_link(name):
    entry = built_in().optimizer(name)
    assert "https://" in entry.reference
    assert entry.summary.endswith(".")
