"""What webhooks are to hear, written in the transaction of the change that it tells of."""

from collections.abc import Sequence
from datetime import datetime

from service.contracts.states import ComparisonState
from service.contracts.views import ChangeEvent
from service.contracts.webhooks import Notice
from service.domain.ports import UnitOfWork


def announce(
    unit: UnitOfWork, comparison_id: str, changes: Sequence[ChangeEvent], *, now: datetime
) -> None:
    """Store a notice for each webhook that hears of one of these changes.

    Args:
        unit: The one that stores the changes.
        comparison_id: Whose changes.
        changes: Under their numbers; those that change no comparison's state are passed over.
        now: Keys that are no longer good hear nothing.
    """
    news = [
        change
        for change in changes
        if change.subject == "comparison" and change.before != change.after
    ]
    if not news:
        return
    webhooks = unit.webhooks.hearing(comparison_id, now=now)
    if not webhooks:
        return
    comparison = unit.comparisons.get(comparison_id)
    assert comparison is not None, "it was just changed"
    for change in news:
        state = ComparisonState(change.after)
        notice = Notice(
            comparison_id=comparison_id, name=comparison.name, state=state, change=change
        )
        for webhook in webhooks:
            if webhook.hears(state):
                unit.deliveries.add(webhook.id, notice.model_dump_json())
