"""docs/optimizers.md says of every optimizer what the catalogue says."""

import re
from pathlib import Path

from service.contracts.catalogue import OptimizerEntry, built_in, resolve
from service.contracts.catalogue.schedules import SCHEDULE_SETTINGS
from service.contracts.documents import read_document
from service.contracts.numbers import number, settings
from service.contracts.schedule import Schedule, ScheduleKind
from service.domain.planning import read_spec

PAGE = Path(__file__).parents[2] / "docs/optimizers.md"


def row(entry: OptimizerEntry) -> str:
    own = {s.name: s.default for s in entry.settings if s not in SCHEDULE_SETTINGS}
    bounds = {name: range_.bounds for name, range_ in entry.space.items()}
    space = ", ".join(
        f"{name} {number(low, 1)} to {number(high, 1)}" for name, (low, high) in bounds.items()
    )
    return f"| `{entry.name}` | {entry.summary} | {settings(own)} | {space} |"


def test_every_optimizer_has_its_row() -> None:
    lines = PAGE.read_text().splitlines()
    missing = [row(entry) for entry in built_in().optimizers if row(entry) not in lines]
    assert not missing, "\n".join(missing)


def test_every_setting_of_a_schedule_is_described() -> None:
    text = PAGE.read_text()
    assert not [setting.name for setting in SCHEDULE_SETTINGS if f"`{setting.name}" not in text]


def test_the_spec_that_is_shown_can_be_run() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    kbfgs, adam, sgd = resolve(read_spec(read_document(text), built_in()), built_in())
    common = Schedule(kind=ScheduleKind.COSINE, final_lr_fraction=0.01)
    assert Schedule.of(kbfgs.settings) == common
    assert Schedule.of(adam.settings) == common.model_copy(update={"warmup_fraction": 0.1})
    assert Schedule.of(sgd.settings) == Schedule()
