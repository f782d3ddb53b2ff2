"""What a study's driver is started with: ids and a token, nothing that a person wrote."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from service.domain.ports import JobRequest
from service.domain.records import StudyRecord
from service.domain.tokens import StudyClaim, sign

_TOKEN_LASTS = timedelta(days=30)


def submission_id(study: StudyRecord) -> str:
    """The job's id: the same attempt is always the same job."""
    return _submission_id(study.id, study.attempt)


def submission_ids(study_id: str, attempts: int) -> tuple[str, ...]:
    """The ids of the jobs of all of a study's attempts so far."""
    return tuple(_submission_id(study_id, attempt) for attempt in range(1, attempts + 1))


def _submission_id(study_id: str, attempt: int) -> str:
    return f"study-{study_id}-{attempt}"


@dataclass(frozen=True, slots=True)
class Orders:
    """Writes the orders of drivers."""

    web_url: str
    """Where drivers find the web."""
    storage: str
    data_places: Mapping[str, str]
    """Variables that say where data sets lie."""
    secret: bytes = field(repr=False)

    def order(self, study: StudyRecord) -> JobRequest:
        """The job of the study's current attempt; the same whenever it is asked for."""
        assert study.submitted_at is not None, "only a claimed study is submitted"
        expires = study.submitted_at.replace(microsecond=0) + _TOKEN_LASTS
        environment = {
            "KBFGS_STUDY_ID": study.id,
            "KBFGS_STUDY_ATTEMPT": str(study.attempt),
            "KBFGS_STUDY_TOKEN": sign(self.secret, StudyClaim(study.id, study.attempt, expires)),
            "KBFGS_WEB_URL": self.web_url,
            "KBFGS_STORAGE": self.storage,
            **self.data_places,
        }
        return JobRequest(submission_id=submission_id(study), environment=environment)
