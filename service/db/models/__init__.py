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
    MadeCapsule,
    RerunCapsule,
)
from service.db.models.leases import Lease
from service.db.models.logs import LogChunk
from service.db.models.studies import Study
from service.db.models.trials import LifecycleEvent, Point, Trial
from service.db.models.webhooks import Delivery, Webhook

__all__ = [
    "AccessDeed",
    "ApiKey",
    "Base",
    "Change",
    "Cluster",
    "Comparison",
    "ComparisonTag",
    "DeletedComparison",
    "Delivery",
    "FinalReport",
    "Lease",
    "LifecycleEvent",
    "LogChunk",
    "LoginToken",
    "MadeCapsule",
    "Point",
    "Request",
    "RerunCapsule",
    "Session",
    "Study",
    "Trial",
    "Webhook",
]
