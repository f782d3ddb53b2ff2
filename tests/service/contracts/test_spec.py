"""What a spec may say: every refusal names the field and the way out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.contracts.catalogue import built_in
from service.contracts.plan import Plan
from service.contracts.spec import ComparisonSpec
from service.domain.errors import InvalidSpec
from service.domain.planning import plan, read_spec
from tests.support.catalogues import with_classes

GOOD = {
    "name": "a comparison",
    "problems": ["mnist-5k-autoencoder"],
    "contenders": [{"optimizer": "kbfgs"}, {"optimizer": "adam"}],
    "budget": {"epochs": 5},
}


FULL = {"linear": [0.1, 0.8], "points": 100}
MANY = [{"optimizer": name} for name in ("kbfgs", "adam", "sgd")]


def refused(changes: dict[str, object]) -> dict[str, str]:
    with pytest.raises(InvalidSpec) as caught:
        read_spec({**GOOD, **changes}, built_in())
    return {
        error.field: f"{error.message} {' '.join(error.allowed or ())}"
        for error in caught.value.errors
    }


def sgd(**fields: object) -> dict[str, object]:
    return {"contenders": [{"optimizer": "sgd", **fields}]}


def grid(**space: object) -> dict[str, object]:
    return {**sgd(space=space), "tuning": {"search": "grid"}}


def depending(condition: dict[str, object]) -> dict[str, object]:
    """Momentum that is searched under a condition, beside nesterov."""
    momentum = {"linear": [0.5, 0.9], **condition}
    return sgd(space={"nesterov": {"values": [True, False]}, "momentum": momentum})


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"problems": ["nowhere"]}, "problems[0]", "mnist-5k-autoencoder"),
        ({"problems": []}, "problems", "1 to 32 entries"),
        ({"problems": ["mnist-5k-autoencoder"] * 2}, "problems", "once"),
        (
            {"contenders": [{"optimizer": "nobody"}]},
            "contenders[0].optimizer",
            "kbfgs kbfgs-l kfac adam",
        ),
        ({"contenders": [{"optimizer": "sgd"}] * 2}, "contenders", "two are called sgd"),
        ({"contenders": []}, "contenders", "1 to 32 entries"),
        ({"baseline": "sgd"}, "baseline", "kbfgs, adam"),
        ({"seeds": 0}, "seeds", "got 0"),
        ({"budget": {"epochs": 0}}, "budget.epochs", "got 0"),
        ({"budget": {}}, "budget.epochs", "required"),
        ({"tuning": {"trials": 12}}, "tuning.trials", "the nearest are 8 and 16"),
        ({"tuning": {"search": "guess"}}, "tuning.search", "sobol random grid tpe"),
        (
            {"tuning": {"asha": {"grace_epochs": 5}}},
            "tuning.asha.grace_epochs",
            "below budget.epochs",
        ),
        ({"tuning": {"asha": {}, "repeats": 2}}, "tuning.asha", "left out with repeats: 2"),
        ({"tuning": {"asha": {"reduction_factor": 1}}}, "tuning.asha.reduction_factor", "got 1"),
        ({"tuning": {"search": "tpe", "repeats": 3}}, "tuning.repeats", "must be 1"),
        ({"tuning": {"search": "grid", "trials": 8}}, "tuning.trials", "left out"),
        ({"tuning": {"search": "random", "trials": None}}, "tuning.trials", "whole number"),
        ({"tuning": {"search": "grid"}}, "contenders[0].space.lr", "a grid needs {values: [...]}"),
        (grid(lr={"log": [0.1, 1]}), "contenders[0].space.lr", "or points: N beside the range"),
        (grid(lr={"log": [0.1, 1], "points": 1}), "contenders[0].space.lr.points", "got 1"),
        (grid(lr={"values": []}), "contenders[0].space.lr.values", "1 to 100 entries"),
        (grid(lr={"values": [0.1, 0.1]}), "contenders[0].space.lr.values", "0.1 twice"),
        (grid(lr={"values": [0.1, -1]}), "contenders[0].space.lr.values[1]", "must be > 0, got -1"),
        (grid(lr={"values": [0.1, None]}), "contenders[0].space.lr.values[1]", "got None"),
        (grid(speed={"values": [1]}), "contenders[0].space.speed", "in a list lr momentum"),
        (grid(lr=[0.1, 1]), "contenders[0].space.lr", "{linear: [low, high]} or {values: [...]}"),
        (
            grid(lr=FULL, momentum=FULL, weight_decay=FULL),
            "contenders",
            "1,000,000 points on each problem",
        ),
        (
            sgd(space={"lr": {"log": [0.1, 1], "points": 3}}),
            "contenders[0].space.lr.points",
            "for search: grid, not sobol",
        ),
        ({"tuning": {"metric": "test_loss"}}, "tuning.metric", "train_loss validation_loss"),
        ({"tuning": {"metric": "validation_loss"}}, "tuning.metric", "no validation rows"),
        ({"verdict": {"outcome": "beauty"}}, "verdict.outcome", "training_seconds"),
        ({"verdict": {"target": "low"}}, "verdict.target", "relative"),
        ({"batch_size": 5000}, "batch_size", "4000"),
        ({"unknown": 1}, "unknown", "unknown field schema_version name problems"),
        (sgd(lr=1), "contenders[0].lr", "unknown field optimizer name settings space"),
        ({"verdict": {"by": "steps"}}, "verdict.by", "unknown field outcome target"),
        ({"tuning": {"repeats": 0}}, "tuning.repeats", "got 0"),
        ({"tuning": {"trials": 4096, "repeats": 5}}, "tuning.trials", "from 1 to 512 for 2 pairs"),
        (depending({"when": {"lr": [0.1]}}), "contenders[0].space", "lr, which must be searched"),
        (depending({"when": {"nesterov": [2]}}), "contenders[0].space", "2, which is not searched"),
        (depending({"when": {"nesterov": []}}), "contenders[0].space", "when.nesterov is empty"),
        (
            sgd(space={"nesterov": {"values": [True], "when": {"nesterov": [True]}}}),
            "contenders[0].space",
            "circle",
        ),
        ({"tuning": "grid"}, "tuning", "must be a mapping with search, trials, worker_seconds"),
        ({"schedule": 5}, "schedule", "mapping with kind, warmup_fraction, final_lr_fraction"),
        ({"problems": "quadratic"}, "problems", "must be a list"),
        (sgd(settings=["lr"]), "contenders[0].settings", "must be a mapping"),
        ({"schema_version": 2}, "schema_version", "1"),
        ({"name": ""}, "name", "at least 1"),
        ({"name": "   "}, "name", "can be seen"),
        ({"name": "a\0b"}, "name", "U+0000 as character 2"),
        ({"name": "a\nb"}, "name", "one line"),
        ({"name": "a\ud800"}, "name", "unicode string"),
        ({"seeds": 201}, "seeds", "less than or equal to 200, got 201"),
        ({"resources": {"cpus": 0.05}}, "resources.cpus", "from 0.1 to 1024, got 0.05"),
        ({"resources": {"memory": 1 << 20}}, "resources.memory", "500000000"),
        ({"resources": {"threads": 2}}, "resources.threads", "from 1 to 1, the whole CPUs"),
        ({"resources": {"cpus": 3.9, "threads": 4}}, "resources.threads", "from 1 to 3"),
        ({"tuning": {"trials": 4096}, "contenders": MANY}, "tuning.trials", "from 1 to 2048 for 3"),
        ({"budget": {"epochs": 5209}}, "budget.epochs", "from 1 to 5208 for 48 runs"),
        (sgd(settings={"lr": 0}), "contenders[0].settings.lr", "must be > 0, got 0"),
        (sgd(settings={"lr": 1e39}), "contenders[0].settings.lr", "must be <= 3.4e+38"),
        (sgd(space={"lr": {"log": [1, 1e39]}}), "contenders[0].space.lr", "must be <= 3.4e+38"),
        (
            sgd(settings={"nesterov": True, "momentum": 0}),
            "contenders[0].settings.nesterov",
            "needs a momentum above 0, got 0",
        ),
        (
            sgd(settings={"nesterov": True}, space={"momentum": {"values": [0]}}),
            "contenders[0].settings.nesterov",
            "needs a momentum above 0, got 0",
        ),
        (sgd(settings={"lr": "fast"}), "contenders[0].settings.lr", "must be a number"),
        (sgd(settings={"speed": 1}), "contenders[0].settings.speed", "lr momentum"),
        (sgd(space={"lr": {"log": [0.1, 0.01]}}), "contenders[0].space.lr.log", "below high"),
        (sgd(space={"lr": {"log": [0, 1]}}), "contenders[0].space.lr.log", "must be > 0"),
        (sgd(space={"lr": {"linear": [0, 1]}}), "contenders[0].space.lr", "must be > 0"),
        (sgd(space={"speed": {"log": [1, 2]}}), "contenders[0].space.speed", "lr"),
        (
            sgd(settings={"lr": 1}, space={"lr": {"log": [0.1, 1]}}),
            "contenders[0].space.lr",
            "one of the two",
        ),
        (sgd(space={"lr": {"log": [0.1]}}), "contenders[0].space.lr.log", ""),
        (sgd(name="No Spaces"), "contenders[0].name", "got 'No Spaces'"),
        (sgd(settings={"lr": float("nan")}), "contenders[0].settings.lr", "must be a number"),
    ],
)
def test_a_wrong_field_is_named_with_what_is_allowed(
    changes: dict[str, object], field: str, words: str
) -> None:
    errors = refused(changes)
    named = [message for name, message in errors.items() if name.startswith(field)]
    assert named, errors
    assert words in " ".join(named)


def test_every_wrong_field_is_named_at_once() -> None:
    assert set(refused({"seeds": 0, "budget": {"epochs": 0}})) == {"seeds", "budget.epochs"}


def test_trials_are_not_held_against_a_search_that_there_is_not() -> None:
    assert set(refused({"tuning": {"search": "guess", "trials": None}})) == {"tuning.search"}


def test_validation_loss_is_allowed_where_every_problem_has_validation_rows() -> None:
    wanted = {**GOOD, "tuning": {"metric": "validation_loss"}}
    assert read_spec({**wanted, "problems": ["tiny-classes"]}, with_classes())
    with pytest.raises(InvalidSpec) as caught:
        read_spec({**wanted, "problems": ["tiny-classes", "mnist-5k-autoencoder"]}, with_classes())
    (error,) = caught.value.errors
    assert (error.field, error.allowed) == ("tuning.metric", ("train_loss",))
    assert error.message.startswith("mnist-5k-autoencoder has no")


def test_the_demo_is_a_good_spec() -> None:
    assert read_spec(GOOD, built_in()).baseline_label == "kbfgs"


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "ü, 漢 and 👩‍🔬"},
        {"seeds": 200},
        {"resources": {"cpus": 0.1}},
        {"resources": {"cpus": 3.9, "threads": 3}},
        {"resources": {"memory": 1 << 30}},
        {"tuning": {"trials": 2048}, "contenders": MANY},
        {"tuning": {"trials": 3333, "search": "random"}, "contenders": MANY},
        {**grid(lr=FULL, momentum=FULL), "seeds": 1},
        {"budget": {"epochs": 5208}},
    ],
)
def test_the_largest_that_is_allowed_is_allowed(changes: dict[str, object]) -> None:
    read_spec({**GOOD, **changes}, built_in())


@given(
    seeds=st.integers(1, 200),
    trials=st.sampled_from([1, 2, 4, 8, 16]),
    seed=st.integers(0, 2**31 - 1),
    low=st.floats(1e-8, 1e-2),
    target=st.floats(-1e3, 1e3) | st.just("relative"),
)
def test_specs_and_plans_survive_json(
    seeds: int, trials: int, seed: int, low: float, target: object
) -> None:
    document = {
        **GOOD,
        "contenders": [
            {"optimizer": "sgd", "space": {"lr": {"log": [low, 1.0]}}},
            {"optimizer": "adam", "settings": {"betas": [0.9, 0.99]}},
        ],
        "seeds": seeds,
        "seed": seed,
        "tuning": {"trials": trials},
        "verdict": {"target": target},
    }
    spec = read_spec(document, built_in())
    again = ComparisonSpec.model_validate_json(spec.model_dump_json())
    assert again == spec
    assert again.digest() == spec.digest()
    planned = plan(spec, built_in())
    assert Plan.model_validate_json(planned.model_dump_json()) == planned


def test_a_digest_tells_specs_apart() -> None:
    one, other = (read_spec({**GOOD, "seed": seed}, built_in()) for seed in (0, 1))
    assert one.digest() != other.digest()


def test_every_optimizers_default_settings_and_space_are_within_its_own_bounds() -> None:
    for entry in built_in().optimizers:
        for setting in entry.settings:
            assert setting.refusal(setting.default) is None, (entry.name, setting.name)
        for name, dimension in entry.space.items():
            setting = entry.setting(name)
            assert setting is not None
            assert not any(map(setting.refusal, dimension.bounds)), (entry.name, name)
