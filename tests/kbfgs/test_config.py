"""Options are checked when they are given, with the value and the way out."""

import dataclasses
import inspect
import math

import pytest

import kbfgs
from kbfgs import KBFGS, KFAC, ConfigurationError, KBFGSConfig, Safeguard
from kbfgs.kfac.config import KFACConfig
from tests.support.networks import network


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"damping": -1.0}, "damping must be > 0, got -1.0"),
        ({"damping": 0.0}, "damping must be > 0, got 0.0"),
        ({"lr": 0.0}, "lr must be > 0, got 0.0"),
        ({"lr": math.nan}, "lr must be > 0, got nan"),
        ({"lr": math.inf}, "lr must be > 0, got inf"),
        ({"other_lr": -1e-3}, "other_lr must be > 0, got -0.001"),
        ({"momentum": 1.0}, "momentum must be >= 0 and < 1, got 1.0"),
        ({"factor_decay": -0.1}, "factor_decay must be >= 0 and < 1, got -0.1"),
        ({"weight_decay": -1e-5}, "weight_decay must be >= 0, got -1e-05"),
        ({"powell": 0.0}, "powell must be > 0 and < 1, got 0.0"),
        ({"curvature_fraction": 0.0}, "curvature_fraction must be > 0 and <= 1, got 0.0"),
        ({"curvature_fraction": 1.5}, "curvature_fraction must be > 0 and <= 1, got 1.5"),
        ({"update_every": 0}, "update_every must be a whole number >= 1, got 0"),
        ({"max_factor_dim": 0}, "max_factor_dim must be a whole number >= 1, got 0"),
        ({"reduce": "sum"}, "reduce must be 'vectors', 'matrices' or None, got 'sum'"),
        ({"row_weighting": "x"}, "row_weighting must be 'hook', 'loss' or None, got 'x'"),
    ],
)
def test_options_out_of_bounds_are_refused(options, message):
    with pytest.raises(ConfigurationError) as raised:
        KBFGSConfig(**options)
    assert str(raised.value).startswith(message)
    with pytest.raises(ConfigurationError):
        KBFGS(network(3, 2), **options)


@pytest.mark.parametrize(("option", "value"), [("cap", 0.0), ("loss_floor", -1.0)])
def test_safeguard_bounds(option, value):
    with pytest.raises(ConfigurationError, match=f"safeguard.{option} must be > 0, got {value}"):
        Safeguard(**{option: value})


def test_an_unknown_keyword_is_a_type_error():
    with pytest.raises(TypeError, match="unexpected keyword argument 'learning_rate'"):
        KBFGS(network(3, 2), learning_rate=0.1)


@pytest.mark.parametrize(("method", "config"), [(KBFGS, KBFGSConfig), (KFAC, KFACConfig)])
def test_the_constructor_and_the_config_have_the_same_options_and_defaults(method, config):
    parameters = inspect.signature(method.__init__).parameters
    options = {
        name: parameter.default
        for name, parameter in parameters.items()
        if name not in ("self", "model", "grad_scaler")  # objects, no settings
    }
    assert options == {field.name: field.default for field in dataclasses.fields(config)}


def test_the_config_is_frozen_and_readable():
    opt = KBFGS(network(3, 2), 0.2, 0.5)
    assert (opt.config.lr, opt.config.damping) == (0.2, 0.5)
    with pytest.raises(dataclasses.FrozenInstanceError):
        opt.config.lr = 1.0


def test_the_package_names_its_version_and_exports():
    assert kbfgs.__version__ == "0.1.0"
    assert all(hasattr(kbfgs, name) for name in kbfgs.__all__)
