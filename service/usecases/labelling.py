"""Another name, priority or tags for a comparison: its spec with these changed alone."""

from pydantic import ValidationError

from service.contracts.edit import Edit
from service.contracts.errors import from_validation
from service.contracts.spec import ComparisonSpec
from service.domain.errors import InvalidSpec
from service.domain.merging import merged
from service.domain.ports import UnitOfWork
from service.domain.records import ComparisonRecord
from service.usecases.ledger import Ledger


def relabel(unit: UnitOfWork, ledger: Ledger, comparison: ComparisonRecord, edit: Edit) -> None:
    """Write what the edit changes, with a numbered remark of it; nothing where it changes nothing.

    Raises:
        InvalidSpec: Where no comparison can be called so.
    """
    before = comparison.spec
    after = _edited(before, edit)
    if changes := _difference(before, after):
        unit.comparisons.set_labels(comparison.id, after)
        ledger.remark(comparison, changes)


def _edited(spec: ComparisonSpec, edit: Edit) -> ComparisonSpec:
    """The spec with the edit's fields; optimizers and problems are not looked up again."""
    document = merged(spec.model_dump(mode="json", exclude_none=True), edit.fields)
    try:
        return ComparisonSpec.model_validate(document)
    except ValidationError as error:
        raise InvalidSpec(from_validation(error, document, ComparisonSpec)) from error


def _difference(before: ComparisonSpec, after: ComparisonSpec) -> str:
    """What changed: ``name a to b, priority 0 to 5, tags none to nightly``; empty where nothing."""
    fields = (
        ("name", before.name, after.name),
        ("priority", str(before.priority), str(after.priority)),
        ("tags", " ".join(before.tags) or "none", " ".join(after.tags) or "none"),
    )
    return ", ".join(f"{name} {old} to {new}" for name, old, new in fields if old != new)
