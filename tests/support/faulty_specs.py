"""Comparisons with one thing wrong, each with the field that must be named for it."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from service.contracts.catalogue import built_in
from service.contracts.errors import field_path
from tests.support.drawn_specs import Document, accepted

Path = tuple[int | str, ...]
STRANGE = "nothing-of-the-kind"
"""A name that no problem, optimizer, setting or field has."""
NO_VALUE: SearchStrategy[Any] = st.builds(dict, strange=st.builds(list))
"""A mapping that no single value of a spec can be."""
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)


@st.composite
def faulty(draw: DrawFn) -> tuple[Document, str]:
    """A document that would be accepted but for one fault, and the fault's field."""
    document = copy.deepcopy(draw(accepted()))
    return document, draw(st.sampled_from(FAULTS))(draw, document)


@st.composite
def meddled_with(draw: DrawFn) -> Document:
    """A document that would be accepted, with anything at all in the place of one value."""
    document = copy.deepcopy(draw(accepted()))
    path = draw(st.sampled_from(sorted(_paths(document), key=field_path)))
    put(document, path, draw(ANYTHING))
    return document


def put(document: Any, path: Path, value: object) -> None:
    """Let the document have the value there."""
    *way, last = path
    for part in way:
        document = document[part]
    document[last] = value


def _a_value_of_no_kind(draw: DrawFn, document: Document) -> str:
    leaves = [
        path
        for path, value in _entries(document)
        if not isinstance(value, dict | list) and not _is_a_part_of_a_value(path)
    ]
    path = draw(st.sampled_from(sorted(leaves, key=field_path)))
    put(document, path, draw(NO_VALUE))
    return field_path(path)


def _is_a_part_of_a_value(path: Path) -> bool:
    """Whether it is one of the numbers of a setting like ``betas``, which is named as a whole."""
    return isinstance(path[-1], int) and (path[-3:-2] == ("settings",) or isinstance(path[-2], int))


def _an_unknown_field(draw: DrawFn, document: Document) -> str:
    within = [(), *(path for path, value in _entries(document) if isinstance(value, dict))]
    path = draw(st.sampled_from(within))
    put(document, (*path, STRANGE), draw(NO_VALUE))
    return field_path((*path, STRANGE))


def _a_field_left_out(draw: DrawFn, document: Document) -> str:
    path = draw(
        st.sampled_from(
            [
                ("name",),
                ("problems",),
                ("contenders",),
                ("budget",),
                ("budget", "epochs"),
                ("contenders", 0, "optimizer"),
            ]
        )
    )
    inner: Any = document
    for part in path[:-1]:
        inner = inner[part]
    del inner[path[-1]]
    return field_path(path)


_BEYOND: dict[Path, SearchStrategy[Any]] = {
    ("schema_version",): st.integers().filter(lambda version: version != 1),
    ("name",): st.sampled_from(["", " ", "a\nb", "\0", "x" * 201, "\u2028"]),
    ("budget", "epochs"): st.integers(max_value=0) | st.integers(10_001),
    ("seeds",): st.integers(max_value=0) | st.integers(201),
    ("seed",): st.integers(max_value=-1) | st.integers(2**31),
    ("batch_size",): st.integers(max_value=0) | st.integers(1_000_001),
    ("stall_seconds",): st.floats(max_value=0.99) | st.floats(86_401) | st.just(float("nan")),
    ("priority",): st.integers(max_value=-101) | st.integers(101),
    ("at_once",): st.integers(max_value=0) | st.integers(1001),
    ("if_short",): st.just(STRANGE),
    ("tags",): st.sampled_from([["a", "a"], [str(n) for n in range(17)]]),
    ("problems",): st.sampled_from([[], ["quadratic"] * 2, [f"p{n}" for n in range(33)]]),
    ("contenders",): st.just([]),
    ("workers",): st.integers(max_value=0) | st.integers(1025),
    ("tuning", "search"): st.just(STRANGE),
    ("tuning", "repeats"): st.integers(max_value=0) | st.integers(101),
    ("tuning", "worker_seconds"): st.floats(max_value=0) | st.floats(1.1e9) | st.just(float("nan")),
    ("tuning", "metric"): st.just("test_loss"),
    ("verdict", "outcome"): st.just(STRANGE),
    ("verdict", "target"): st.sampled_from([float("inf"), float("nan"), STRANGE]),
    ("checkpoint", "epochs"): st.integers(max_value=0) | st.integers(10_001),
    ("checkpoint", "seconds"): st.floats(max_value=0.99) | st.floats(86_401),
    ("resources", "cpus"): st.floats(max_value=0.09) | st.floats(1025) | st.just(float("nan")),
    ("resources", "gpus"): st.floats(max_value=-0.1) | st.floats(65),
    ("resources", "memory"): st.integers(max_value=499_999_999) | st.integers((1 << 50) + 1),
    ("baseline",): st.just(STRANGE),
}
"""Values outside of what a field may be."""


def _beyond_the_bounds(draw: DrawFn, document: Document) -> str:
    path = draw(st.sampled_from(list(_BEYOND)))
    if path[0] == "resources":
        document["resources"] = {}
    if len(path) > 1:
        document.setdefault(str(path[0]), {})
    put(document, path, draw(_BEYOND[path]))
    return field_path(path)


def _unknown_names(draw: DrawFn, document: Document) -> str:
    path: Path = draw(st.sampled_from([("problems", 0), ("contenders", 0, "optimizer")]))
    put(document, path, STRANGE)
    document.pop("baseline", None)
    return field_path(path)


def _the_same_contender_twice(draw: DrawFn, document: Document) -> str:
    document["contenders"].append(document["contenders"][0])
    return "contenders"


def _a_setting_beyond_its_bounds(draw: DrawFn, document: Document) -> str:
    index = draw(st.integers(0, len(document["contenders"]) - 1))
    contender = document["contenders"][index]
    entry = built_in().optimizer(contender["optimizer"])
    assert entry is not None
    searched = contender.get("space", {})
    own = [setting for setting in entry.settings if setting.name not in searched]
    setting = draw(st.sampled_from(own))
    wrong: dict[str, list[Any]] = {
        "float": [-1.0, 1e39, STRANGE, True, float("inf"), float("nan"), [0.5]],
        "int": [0, 1.5, STRANGE, True, 2**63],
        "bool": [0, 1, STRANGE],
        "choice": [STRANGE, 1],
        "floats": [[0.5] * 9, [], 0.5, [-1.0, 0.5], [0.5, STRANGE]],
    }
    value = draw(st.sampled_from(wrong[setting.kind]))
    contender.setdefault("settings", {})[setting.name] = value
    return f"contenders[{index}].settings.{setting.name}"


def _nesterov_without_momentum(draw: DrawFn, document: Document) -> str:
    contender = document["contenders"][0]
    contender["settings"] = {"nesterov": True, "momentum": 0}
    contender |= {"optimizer": "sgd", "name": "x", "space": {"lr": {"values": [0.1]}}}
    document.pop("baseline", None)
    return "contenders[0].settings.nesterov"


def _fixed_and_searched(draw: DrawFn, document: Document) -> str:
    contender = document["contenders"][0]
    contender["settings"] = {"lr": 0.1}
    contender["space"] = {"lr": {"values": [0.1, 0.2]}}
    return "contenders[0].space.lr"


_WRONG_DIMENSIONS: dict[str, Any] = {
    "": [[0.1, 0.2], {}, {"from": 1}, STRANGE, {"linear": [-1.0, 1.0]}],
    ".log": [[1, 0.1], [0, 1], [0.1], [0.1, 0.1], "0.1", [0.1, float("inf")]],
    ".linear": [[1, 0.1], [0.1, 0.1], [0.1, 0.2, 0.3], None],
    ".values": [[], [0.1, 0.1], [0.1] * 101, 0.1],
    ".values[1]": [[0.1, -1], [0.1, STRANGE], [0.1, None], [0.1, True]],
}
"""What a learning rate is not searched in, by where the fault lies."""


def _a_wrong_dimension(draw: DrawFn, document: Document) -> str:
    where = draw(st.sampled_from(list(_WRONG_DIMENSIONS)))
    value = draw(st.sampled_from(_WRONG_DIMENSIONS[where]))
    kind = where.strip(".").removesuffix("[1]")
    dimension = {kind: value} if kind else value
    if isinstance(dimension, dict) and document["tuning"].get("search") == "grid":
        dimension |= {"points": 2} if kind in ("log", "linear") or "linear" in dimension else {}
    document["contenders"][0] = {"optimizer": "sgd", "name": "x", "space": {"lr": dimension}}
    document.pop("baseline", None)
    return f"contenders[0].space.lr{where}"


def _a_condition_that_never_holds(draw: DrawFn, document: Document) -> str:
    when = draw(st.sampled_from([{"lr": [0.1]}, {"nesterov": []}, {"nesterov": [2]}]))
    space = {"nesterov": {"values": [True]}, "momentum": {"values": [0.5], "when": when}}
    document["contenders"][0] = {"optimizer": "sgd", "name": "x", "space": space}
    document.pop("baseline", None)
    return "contenders[0].space"


_TUNINGS: list[tuple[Document, str]] = [
    ({"search": "sobol", "trials": 12}, "trials"),
    ({"search": "random", "trials": None}, "trials"),
    ({"search": "random", "trials": 4097}, "trials"),
    ({"search": "grid", "trials": 8}, "trials"),
    ({"search": "tpe", "trials": 2, "repeats": 2}, "repeats"),
    ({"search": "random", "asha": {"reduction_factor": 1}}, "asha.reduction_factor"),
    ({"search": "random", "asha": {"grace_epochs": 10_000}}, "asha.grace_epochs"),
    ({"search": "random", "asha": {}, "repeats": 2}, "asha"),
    ({"search": "random", "trials": 4096, "repeats": 100}, "trials"),
]


def _a_search_that_cannot_be(draw: DrawFn, document: Document) -> str:
    document["contenders"] = [{"optimizer": "sgd", "space": {"lr": {"values": [0.1]}}}]
    document.pop("baseline", None)
    document["tuning"], field = copy.deepcopy(draw(st.sampled_from(_TUNINGS)))
    return f"tuning.{field}"


def _a_range_without_a_grid(draw: DrawFn, document: Document) -> str:
    space = {"lr": {"log": [0.1, 1]}}
    document["contenders"] = [{"optimizer": "sgd", "space": space}]
    document.pop("baseline", None)
    if draw(st.booleans()):
        document["tuning"] = {"search": "grid"}
        return "contenders[0].space.lr"
    document["tuning"] = {"search": "random"}
    document["contenders"][0]["space"] = {"lr": {"log": [0.1, 1], "points": 3}}
    return "contenders[0].space.lr.points"


def _more_rows_than_there_are(draw: DrawFn, document: Document) -> str:
    document["problems"] = ["quadratic"]
    document["tuning"].pop("metric", None)
    document["workers"] = 1
    document["batch_size"] = draw(st.integers(65, 1_000_000))
    return "batch_size"


def _more_workers_than_can_be(draw: DrawFn, document: Document) -> str:
    """Than L-BFGS trains with; than there are rows; changing ones under equal costs."""
    document["problems"] = ["quadratic"]
    document["tuning"] = {"search": "random", "trials": 1}
    document.pop("resources", None)
    document.pop("batch_size", None)
    document["contenders"] = [{"optimizer": "sgd"}]
    document.pop("baseline", None)
    kind = draw(st.integers(0, 3))
    if kind == 0:
        document["contenders"].append({"optimizer": "lbfgs"})
        document["workers"] = 2
    elif kind == 1:
        document["workers"] = 65
    elif kind == 2:
        document["workers"] = {"min": 2, "max": 1}
    else:
        document["workers"] = {"min": 1, "max": 2}
        document["tuning"]["worker_seconds"] = 1.0
        return "tuning.worker_seconds"
    return "workers"


def _threads_or_parts_of_gpus(draw: DrawFn, document: Document) -> str:
    document["workers"] = 2
    document["tuning"].pop("worker_seconds", None)
    document["contenders"] = [{"optimizer": "sgd", "space": {"lr": {"values": [0.1]}}}]
    document.pop("baseline", None)
    if draw(st.booleans()):
        document["resources"] = {"gpus": 0.5}
        return "resources.gpus"
    document["resources"] = {"cpus": 1.9, "threads": 2}
    return "resources.threads"


def _a_schedule_without_effect(draw: DrawFn, document: Document) -> str:
    document["schedule"] = {"kind": "constant", "final_lr_fraction": 0.5}
    for contender in document["contenders"]:
        for part in ("settings", "space"):
            contender.get(part, {}).pop("final_lr_fraction", None)
    return "schedule.final_lr_fraction"


def _too_much_in_all(draw: DrawFn, document: Document) -> str:
    document["tuning"] = {"search": "random", "trials": 1}
    document["contenders"] = [{"optimizer": "sgd"}]
    document.pop("baseline", None)
    document["problems"] = ["quadratic", "cifar10-resnet20"]
    document.pop("batch_size", None)
    document.pop("workers", None)
    document["seeds"], document["budget"] = 200, {"epochs": 10_000}
    return "budget.epochs"


FAULTS: tuple[Callable[[DrawFn, Document], str], ...] = (
    _a_value_of_no_kind,
    _an_unknown_field,
    _a_field_left_out,
    _beyond_the_bounds,
    _unknown_names,
    _the_same_contender_twice,
    _a_setting_beyond_its_bounds,
    _nesterov_without_momentum,
    _fixed_and_searched,
    _a_wrong_dimension,
    _a_condition_that_never_holds,
    _a_search_that_cannot_be,
    _a_range_without_a_grid,
    _more_rows_than_there_are,
    _more_workers_than_can_be,
    _threads_or_parts_of_gpus,
    _a_schedule_without_effect,
    _too_much_in_all,
)


def _paths(value: object, path: Path = ()) -> Iterator[Path]:
    return (found for found, _ in _entries(value, path))


def _entries(value: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """Every value of a document with its path, the document itself apart."""
    if path:
        yield path, value
    parts: list[tuple[int | str, object]] = []
    if isinstance(value, dict):
        parts = list(value.items())
    elif isinstance(value, list):
        parts = list(enumerate(value))
    for name, inner in parts:
        yield from _entries(inner, (*path, name))
