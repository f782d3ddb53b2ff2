"""What the catalogue says of a problem and of an optimizer."""

from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from service.contracts.base import Contract, Name
from service.contracts.catalogue.schedules import SCHEDULE_SETTINGS
from service.contracts.catalogue.setting import Setting
from service.contracts.metrics import Metric, SelectionMetric
from service.contracts.space import Space

Positive = Annotated[int, Field(ge=1)]


def _factory(text: str) -> str:
    module, _, function = text.partition(":")
    if not all(part.isidentifier() for part in (*module.split("."), function)):
        raise ValueError(f"must be module:function, got {text!r}")
    return text


Factory = Annotated[str, AfterValidator(_factory)]
"""Where a plug-in's factory is: ``module:function``."""


class PluginOrigin(Contract):
    """The installed package that an entry comes from."""

    distribution: str
    version: str
    factory: Factory
    """What workers import; the service never does."""

    @property
    def label(self) -> str:
        """The package as reports name it: ``kbfgs-lion 1.2``."""
        return f"{self.distribution} {self.version}"


class OptimizerEntry(Contract):
    """An optimizer that contenders can name."""

    name: Name
    title: str
    summary: str
    reference: str
    """Where it is described."""
    settings: tuple[Setting, ...]
    """Its own settings, and the schedule's, which every optimizer has."""
    space: Space
    """The default search space."""
    plugin: PluginOrigin | None = None
    """The plug-in that brings it; None for what comes with the product."""
    max_workers: Positive | None = None
    """The most DDP ranks that it trains with; None where it does not mind."""

    @field_validator("settings")
    @classmethod
    def _with_the_schedule(cls, settings: tuple[Setting, ...]) -> tuple[Setting, ...]:
        """The settings with the schedule's behind them, which an entry need not name."""
        own = tuple(setting for setting in settings if setting not in SCHEDULE_SETTINGS)
        taken = {setting.name for setting in own} & {s.name for s in SCHEDULE_SETTINGS}
        if taken:
            raise ValueError(
                f"{', '.join(sorted(taken))}: every optimizer has it already; leave it out"
            )
        return (*own, *SCHEDULE_SETTINGS)

    def setting(self, name: str) -> Setting | None:
        """The setting of that name, if there is one."""
        return next((setting for setting in self.settings if setting.name == name), None)


def _measured(fields: dict[str, Any]) -> tuple[Metric, ...]:
    """The metrics that follow from a problem's splits and classes."""
    splits = ("train", "validation", "test") if fields["validation_rows"] else ("train", "test")
    kinds = ("loss",) if fields["classes"] is None else ("loss", "accuracy")
    return tuple(Metric(f"{split}_{kind}") for kind in kinds for split in splits)


class ProblemEntry(Contract):
    """A problem that comparisons can name."""

    name: Name
    title: str
    summary: str
    reference: str
    data: str | None = None
    """The data set it needs, by its name for ``python -m workers data``; None where it needs
    none."""
    batch_size: Positive
    epochs: Positive
    """The usual budget."""
    training_rows: Positive
    validation_rows: Annotated[int, Field(ge=0)] = 0
    """Rows that settings may be chosen by; 0 where there are none."""
    test_rows: Positive
    """Rows that nothing is ever chosen by."""
    classes: Annotated[int, Field(ge=2)] | None = None
    """Among how many classes a row's right one is; None where rows have none."""
    metrics: tuple[Metric, ...] = Field(default_factory=_measured)
    """What is measured after each epoch; follows from the rows and the classes."""
    selection_metric: SelectionMetric
    """The loss that points are chosen by and that decides, unless a spec names another."""
    targets: tuple[float, ...] = ()
    """Values of that loss that are worth reaching, the easiest first."""
    optimum: float | None = None
    """The smallest training loss that there is, where it is known."""
    exchangeable_ranks: bool = True
    """Whether several ranks with parts of a batch train as one does with all of it; not so with
    batch norm."""
    loss: str
    """What the loss is, and whether weight decay is in it."""
    divergence_loss: float
    """A training loss above this counts as diverged."""
    plugin: PluginOrigin | None = None
    """The plug-in that brings it; None for what comes with the product."""

    @property
    def selectable(self) -> tuple[SelectionMetric, ...]:
        """The metrics that points may be chosen by."""
        return ("train_loss", "validation_loss") if self.validation_rows else ("train_loss",)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        measured = _measured(self.__dict__)
        if self.metrics != measured:
            raise ValueError(f"metrics: rows and classes make them {', '.join(measured)}")
        if self.selection_metric not in self.selectable:
            raise ValueError(f"selection_metric: {self.name} does not measure it")
        return self
