"""The settings that every optimizer has: the schedule of its learning rate."""

from service.contracts.catalogue.setting import Setting
from service.contracts.schedule import Schedule, ScheduleKind

_DEFAULTS = Schedule()

SCHEDULE_SETTINGS = (
    Setting(
        name="schedule",
        kind="choice",
        default=_DEFAULTS.kind.value,
        summary="The learning rate after the warm-up: constant, or half a cosine down.",
        choices=tuple(kind.value for kind in ScheduleKind),
    ),
    Setting(
        name="warmup_fraction",
        kind="float",
        default=_DEFAULTS.warmup_fraction,
        summary="Part of all steps in which the learning rate rises linearly to its value.",
        at_least=0,
        below=1,
    ),
    Setting(
        name="final_lr_fraction",
        kind="float",
        default=_DEFAULTS.final_lr_fraction,
        summary="What a cosine ends at, as a part of the learning rate.",
        at_least=0,
        at_most=1,
    ),
)
