"""Capsules: what it takes to run a comparison again."""

from dataclasses import dataclass

from service.contracts.capsule import Capsule
from service.contracts.catalogue import Catalogue
from service.contracts.errors import SpecRefused
from service.contracts.states import ComparisonState
from service.domain.capsules import make_capsule
from service.domain.errors import Conflict, InvalidSpec, NotFound
from service.domain.ports import Clock, Units
from service.usecases.results import read_results


@dataclass(frozen=True, slots=True)
class Capsules:
    """What people may ask of capsules."""

    units: Units
    catalogue: Catalogue
    clock: Clock

    def of(self, comparison_id: str) -> Capsule:
        """The capsule of a comparison that has finished; the same one each time it is asked for.

        Raises:
            NotFound: Where there is no such comparison.
            Conflict: Where it has not finished.
            InvalidSpec: Where the catalogue no longer has what it names: a plug-in is gone.
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
            results = read_results(unit, comparison, complete=True)
        at = comparison.ended_at or self.clock.now()
        try:
            return make_capsule(results, comparison.seeds, self.catalogue, at=at)
        except SpecRefused as error:
            raise InvalidSpec(error.errors) from error
