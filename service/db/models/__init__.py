"""The tables."""

from service.db.models.access import AccessDeed, ApiKey, LoginToken, Request, Session
from service.db.models.base import Base
from service.db.models.cluster import Cluster
from service.db.models.comparisons import (
    Change,
    Comparison,
    ComparisonTag,
    DeletedComparison,
    FinalReport,
)
from service.db.models.logs import LogChunk
from service.db.models.studies import Study
from service.db.models.trials import LifecycleEvent, Point, Trial

__all__ = [
    "AccessDeed",
    "ApiKey",
    "Base",
    "Change",
    "Cluster",
    "Comparison",
    "ComparisonTag",
    "DeletedComparison",
    "FinalReport",
    "LifecycleEvent",
    "LogChunk",
    "LoginToken",
    "Point",
    "Request",
    "Session",
    "Study",
    "Trial",
]
