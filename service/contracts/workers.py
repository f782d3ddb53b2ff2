"""How many DDP ranks train a trial: so many, or as many as there is room for within bounds."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from service.contracts.base import Contract

MOST_WORKERS = 1024

Ranks = Annotated[int, Field(ge=1, le=MOST_WORKERS)]


class ElasticWorkers(Contract):
    """As many ranks as the cluster has room for when a trial starts or goes on."""

    min: Ranks
    max: Ranks

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.max < self.min:
            raise ValueError(f"max must be >= min, got min {self.min} and max {self.max}")
        return self


Workers = Ranks | ElasticWorkers


def fewest(workers: Workers) -> int:
    """The ranks without which a trial does not start."""
    return workers.min if isinstance(workers, ElasticWorkers) else workers


def most(workers: Workers) -> int:
    """The ranks that a trial takes where there is room."""
    return workers.max if isinstance(workers, ElasticWorkers) else workers
