"""Comparisons drawn at random: documents that the service accepts, whatever they hold."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from service.contracts.base import LARGEST_INTEGER
from service.contracts.catalogue import Catalogue, built_in
from service.contracts.catalogue.entries import OptimizerEntry
from service.contracts.catalogue.setting import LARGEST_NUMBER, Setting
from service.contracts.labels import MOST_TAGS
from service.contracts.spec import SMALLEST_CPUS, SMALLEST_MEMORY
from service.contracts.workers import MOST_WORKERS

Document = dict[str, Any]
NAMES = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,63}", fullmatch=True)
TITLES = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp", "Zs")), min_size=1, max_size=200
)
WHOLE_FINITE = st.floats(allow_nan=False, allow_infinity=False)


@dataclass(frozen=True)
class Extent:
    """How large the drawn comparisons may be.

    Args:
        problems: Names that may be drawn; every one of the catalogue by default.
        most_problems: In one comparison.
        most_contenders: In one comparison.
        most_epochs: Of one training run.
        most_seeds: Of the finals.
        most_points: Of one search that is no grid; a power of two.
        largest_integer: Of an optimizer's setting.
        alone: Whether a trial has one worker and one CPU, as a machine without Ray trains it.
    """

    problems: tuple[str, ...] = tuple(entry.name for entry in built_in().problems)
    most_problems: int = 3
    most_contenders: int = 4
    most_epochs: int = 50
    most_seeds: int = 20
    most_points: int = 16
    largest_integer: int = LARGEST_INTEGER
    alone: bool = False


PLANNED = Extent()
TRAINED = Extent(
    problems=("quadratic",),
    most_problems=1,
    most_contenders=2,
    most_epochs=2,
    most_seeds=2,
    most_points=2,
    largest_integer=50,
    alone=True,
)


@st.composite
def accepted(draw: DrawFn, extent: Extent = PLANNED) -> Document:
    """A whole comparison with any of its fields, given or left out."""
    catalogue = built_in()
    problems = draw(_distinct(st.sampled_from(extent.problems), most=extent.most_problems))
    epochs = draw(st.integers(1, extent.most_epochs))
    document: Document = {
        "name": draw(TITLES),
        "problems": problems,
        "budget": {"epochs": epochs},
        "seeds": draw(st.integers(1, extent.most_seeds)),
        "tuning": draw(_tunings(problems, epochs, extent)),
    }
    document |= draw(_some(schedule=_SCHEDULES))
    document["contenders"] = draw(_contenders(document, extent))
    labels = [one.get("name", one["optimizer"]) for one in document["contenders"]]
    document |= draw(_some(batch_size=st.integers(1, _fewest_rows(problems, catalogue))))
    document |= draw(_cluster(document, extent))
    return document | draw(
        _some(
            schema_version=st.just(1),
            baseline=st.sampled_from(labels),
            seed=st.integers(0, 2**31 - 1),
            verdict=_VERDICTS,
            stall_seconds=st.floats(1, 86_400),
            checkpoint=_CHECKPOINTS,
            priority=st.integers(-100, 100),
            tags=_distinct(
                st.from_regex(r"[a-z0-9][a-z0-9._-]{0,31}", fullmatch=True),
                fewest=0,
                most=MOST_TAGS,
            ),
            at_once=st.integers(1, 1000),
            if_short=st.sampled_from(["refuse", "wait"]),
        )
    )


_VERDICTS = st.fixed_dictionaries(
    {},
    optional={
        "outcome": st.sampled_from(["training_seconds", "epochs", "steps", "final_loss"]),
        "target": st.just("relative") | WHOLE_FINITE,
    },
)
_CHECKPOINTS = st.fixed_dictionaries(
    {},
    optional={
        "epochs": st.none() | st.integers(1, 10_000),
        "seconds": st.none() | st.floats(1, 86_400),
        "keep": st.sampled_from(["nothing", "best"]),
    },
)
_SHARES = st.floats(0, 1)
_WARM_UPS = st.floats(0, 1, exclude_max=True)
_SCHEDULES = (
    st.sampled_from(["constant", "cosine", None])
    | st.fixed_dictionaries({}, optional={"warmup_fraction": _WARM_UPS})
    | st.fixed_dictionaries(
        {"kind": st.just("cosine")},
        optional={"warmup_fraction": _WARM_UPS, "final_lr_fraction": _SHARES},
    )
)


@st.composite
def _tunings(draw: DrawFn, problems: Sequence[str], epochs: int, extent: Extent) -> Document:
    search = draw(st.sampled_from(["sobol", "random", "grid", "tpe"]))
    tuning: Document = {"search": search} if search != "sobol" or draw(st.booleans()) else {}
    if search == "sobol":
        tuning["trials"] = 1 << draw(st.integers(0, extent.most_points.bit_length() - 1))
    elif search != "grid":
        tuning["trials"] = draw(st.integers(1, extent.most_points))
    elif draw(st.booleans()):
        tuning["trials"] = None
    if search != "tpe":
        tuning |= draw(_some(repeats=st.integers(1, 3)))
    if epochs > 1 and tuning.get("repeats", 1) == 1:
        graces = st.integers(1, epochs - 1)
        factors = st.integers(2, 16)
        tuning |= draw(
            _some(asha=st.fixed_dictionaries({"grace_epochs": graces, "reduction_factor": factors}))
        )
    entries = [entry for entry in built_in().problems if entry.name in problems]
    losses = ["train_loss", "validation_loss"] if all(e.validation_rows for e in entries) else []
    return tuning | draw(_some(metric=st.sampled_from([None, *(losses or ["train_loss"])])))


@st.composite
def _contenders(draw: DrawFn, document: Document, extent: Extent) -> list[Document]:
    contenders: list[Document] = []
    taken: set[str] = set()
    for _ in range(draw(st.integers(1, extent.most_contenders))):
        entry = draw(st.sampled_from(built_in().optimizers))
        contender: Document = {"optimizer": entry.name}
        if entry.name in taken or draw(st.booleans()):
            contender["name"] = draw(NAMES.filter(lambda name: name not in taken))
        taken.add(contender.get("name", entry.name))
        contenders.append(contender | draw(_settings(entry, document, extent)))
    return contenders


@st.composite
def _settings(draw: DrawFn, entry: OptimizerEntry, document: Document, extent: Extent) -> Document:
    """Fixed settings and a space; both empty, or left out, too."""
    grid = document["tuning"].get("search") == "grid"
    own = [setting for setting in entry.settings if setting.name != "final_lr_fraction"]
    names = draw(st.lists(st.sampled_from(own), unique_by=lambda one: one.name, max_size=5))
    cut = draw(st.integers(0, len(names)))
    fixed, searched = names[:cut], names[cut:][:3]
    found: Document = {}
    if fixed or draw(st.booleans()):
        found["settings"] = {one.name: draw(values_of(one, extent)) for one in fixed}
        for needed in {one.needs for one in fixed if one.needs}:
            if found["settings"].get(needed) == 0:
                found["settings"][needed] = 0.5
    if searched or grid or draw(st.booleans()):
        found["space"] = draw(_spaces(searched, extent, grid=grid))
    assume(not _lacks_what_it_needs(entry, found))
    if "space" in found and draw(st.booleans()) and _may_end_low(found, document):
        found.setdefault("settings", {})["final_lr_fraction"] = draw(_SHARES)
    return found


def _lacks_what_it_needs(entry: OptimizerEntry, contender: Document) -> bool:
    """Whether a switch is on at every point and what it needs is 0 at every point."""
    space, fixed = contender.get("space", {}), contender.get("settings", {})

    def everywhere(name: str, default: object) -> list[object] | None:
        """All values that are tried; of a range nobody says."""
        searched = space.get(name)
        return searched.get("values") if searched else [fixed.get(name, default)]

    defaults = {setting.name: setting.default for setting in entry.settings}
    return any(
        set(everywhere(one.name, one.default) or ()) == {True}
        and set(everywhere(one.needs, defaults[one.needs]) or ()) == {0}
        for one in entry.settings
        if one.needs
    )


def _may_end_low(contender: Document, document: Document) -> bool:
    """Whether a final learning rate has an effect: it does where there may be a cosine."""
    if "schedule" in contender.get("space", {}):
        return True
    common = document.get("schedule")
    kind = common.get("kind") if isinstance(common, dict) else common
    return bool(contender.get("settings", {}).get("schedule", kind or "constant") == "cosine")


@st.composite
def _spaces(
    draw: DrawFn, searched: Sequence[Setting], extent: Extent, *, grid: bool
) -> dict[str, Document]:
    """A space whose later settings may depend on those before them that are lists."""
    space: dict[str, Document] = {}
    for setting in searched:
        dimension = draw(dimensions_of(setting, extent, grid=grid))
        lists = [name for name, earlier in space.items() if "values" in earlier]
        if lists and draw(st.booleans()):
            parent = draw(st.sampled_from(lists))
            values = space[parent]["values"]
            kept = draw(st.integers(1, len(values)))
            dimension["when"] = {parent: values[:kept]}
        space[setting.name] = dimension
    return space


@st.composite
def dimensions_of(draw: DrawFn, setting: Setting, extent: Extent, *, grid: bool) -> Document:
    """A range or a list in which the setting may be searched."""
    values = values_of(setting, extent)
    kinds = ["values", "linear", "log"] if setting.kind == "float" else ["values"]
    kind = draw(st.sampled_from(kinds))
    if kind == "values":
        return {"values": draw(st.lists(values, min_size=1, max_size=3, unique_by=_hashable))}
    if kind == "log":
        values = values.filter(lambda value: value > 0)
    low, high = sorted(draw(st.lists(values, min_size=2, max_size=2, unique=True)))
    return {kind: [low, high]} | ({"points": draw(st.integers(2, 3))} if grid else {})


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def values_of(setting: Setting, extent: Extent = PLANNED) -> SearchStrategy[Any]:
    """Any value that the setting allows."""
    match setting.kind:
        case "choice":
            return st.sampled_from(setting.choices or ())
        case "bool":
            return st.booleans()
        case "int":
            least = int(setting.at_least or 0)
            return st.integers(least, int(setting.at_most or extent.largest_integer))
        case "float":
            return _numbers(setting)
        case "floats":
            assert isinstance(setting.default, tuple)
            size = len(setting.default)
            return st.lists(_numbers(setting), min_size=size, max_size=size)


def _numbers(setting: Setting) -> SearchStrategy[float]:
    low = setting.above if setting.above is not None else setting.at_least
    high = setting.below if setting.below is not None else setting.at_most
    return st.floats(
        low,
        LARGEST_NUMBER if high is None else high,
        exclude_min=setting.above is not None,
        exclude_max=setting.below is not None,
        allow_nan=False,
        allow_infinity=False,
    )


@st.composite
def _cluster(draw: DrawFn, document: Document, extent: Extent) -> Document:
    """Workers, and what each of them gets."""
    limit = 1 if extent.alone else _most_workers(document)
    least, most = sorted(draw(st.lists(st.integers(1, limit), min_size=2, max_size=2)))
    found: Document = {}
    if draw(st.booleans()):
        found["workers"] = {"min": least, "max": most}
    elif draw(st.booleans()):
        found["workers"] = most
    if not isinstance(found.get("workers"), dict):
        document["tuning"] |= draw(_some(worker_seconds=st.floats(1e-3, 1e9)))
    several = max(least, most) > 1 and "workers" in found
    whole = st.integers(0, 64) if several else st.floats(0, 64)
    cpus = draw(st.floats(SMALLEST_CPUS, 1 if extent.alone else 1024))
    return found | draw(
        _some(
            resources=st.fixed_dictionaries(
                {"cpus": st.just(cpus)},
                optional={
                    "gpus": st.just(0) if extent.alone else whole,
                    "threads": st.integers(1, max(math.floor(cpus), 1)),
                    "memory": st.none() | st.integers(SMALLEST_MEMORY, 1 << 50),
                },
            )
        )
    )


def _most_workers(document: Document) -> int:
    """As many as every optimizer trains with and every mini-batch has rows for."""
    catalogue = built_in()
    limits = [MOST_WORKERS]
    for contender in document["contenders"]:
        entry = catalogue.optimizer(contender["optimizer"])
        assert entry is not None
        limits += [entry.max_workers] if entry.max_workers else []
    for name in document["problems"]:
        problem = catalogue.problem(name)
        assert problem is not None
        rows = min(document.get("batch_size") or problem.batch_size, problem.training_rows)
        limits += [rows, problem.training_rows % rows or rows]
    return min(limits)


def _fewest_rows(problems: Sequence[str], catalogue: Catalogue) -> int:
    return min(entry.training_rows for entry in catalogue.problems if entry.name in problems)


def _distinct(
    entries: SearchStrategy[Any], *, fewest: int = 1, most: int
) -> SearchStrategy[list[Any]]:
    return st.lists(entries, min_size=fewest, max_size=most, unique=True)


def _some(**fields: SearchStrategy[Any]) -> SearchStrategy[Mapping[str, Any]]:
    """Some of the fields, each with what is drawn for it."""
    return st.fixed_dictionaries({}, optional=fields)
