"""Capsules: what it takes to run a comparison again."""

from dataclasses import dataclass
from datetime import datetime

from service.contracts.catalogue import Catalogue
from service.contracts.errors import SpecRefused
from service.contracts.points import Seeds
from service.contracts.states import ComparisonState
from service.domain.capsules import make_capsule
from service.domain.errors import Conflict, InvalidSpec, NotFound
from service.domain.ports import Clock, Units
from service.domain.results import ComparisonResults
from service.usecases.results import read_results


def capsule_at_its_end(
    results: ComparisonResults, seeds: Seeds, catalogue: Catalogue, *, at: datetime
) -> str | None:
    """The capsule to be stored with a comparison that finishes, as JSON.

    It is stored because it spells out defaults: another version's may be others.

    Returns:
        None where the catalogue no longer has what the comparison names: a plug-in is gone.
    """
    try:
        return make_capsule(results, seeds, catalogue, at=at).model_dump_json()
    except SpecRefused:
        return None


@dataclass(frozen=True, slots=True)
class Capsules:
    """What people may ask of capsules."""

    units: Units
    catalogue: Catalogue
    clock: Clock

    def of(self, comparison_id: str) -> str:
        """The capsule of a comparison that has finished, as JSON: as it was stored then.

        Where none was stored, because an earlier version finished the comparison or a plug-in was
        gone, it is made now, with the defaults of this catalogue.

        Raises:
            NotFound: Where there is no such comparison.
            Conflict: Where it has not finished.
            InvalidSpec: Where none was stored and the catalogue no longer has what it names.
        """
        with self.units.read() as unit:
            comparison = unit.comparisons.get(comparison_id)
            if comparison is None:
                raise NotFound(f"there is no comparison {comparison_id}")
            if comparison.state is not ComparisonState.FINISHED:
                raise Conflict(
                    f"comparison {comparison_id} is {comparison.state}: only one that has finished "
                    "can be run again from its capsule"
                )
            if (kept := unit.capsules.kept(comparison_id)) is not None:
                return kept
            results = read_results(unit, comparison, complete=True)
        at = comparison.ended_at or self.clock.now()
        try:
            capsule = make_capsule(results, comparison.seeds, self.catalogue, at=at)
        except SpecRefused as error:
            raise InvalidSpec(error.errors) from error
        return capsule.model_dump_json()
