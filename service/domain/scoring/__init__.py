"""Scoring: from a comparison's trials to its report."""

from service.domain.scoring.report import score

__all__ = ["score"]
