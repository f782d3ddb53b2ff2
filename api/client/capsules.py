"""Capsules: made by the service of what has finished, and told from specs when they come back."""

import json
import secrets
from dataclasses import dataclass
from urllib.parse import quote

from api.client.transport import Transport, read
from service.contracts import capsule
from service.contracts.agreement import ReportAgreement, TwoReports
from service.contracts.views import ComparisonView


@dataclass(frozen=True)
class Capsules:
    """What may be asked of capsules."""

    http: Transport

    def of(self, comparison_id: str) -> str:
        """A comparison that has finished as JSON text that can be run again."""
        path = f"/v1/comparisons/{quote(comparison_id, safe='')}/capsule"
        return self.http.request("GET", path).text

    def rerun(
        self, text: str, *, threads: int | None = None, idempotency_key: str | None = None
    ) -> ComparisonView:
        """Queue what a capsule holds once more; ``threads`` in place of its own."""
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": idempotency_key or secrets.token_urlsafe(16),
        }
        path, query = "/v1/comparisons:rerun", {"threads": threads}
        return read(
            ComparisonView,
            self.http.request("POST", path, query=query, content=text, headers=headers),
        )

    def compare(self, two: TwoReports) -> ReportAgreement:
        """Whether what the earlier report claims held in the later one."""
        answer = self.http.request(
            "POST",
            "/v1/reports:compare",
            content=two.model_dump_json(),
            headers={"Content-Type": "application/json"},
        )
        return read(ReportAgreement, answer)


def is_capsule(text: str) -> bool:
    """Whether a text is a JSON document that says that it is a capsule."""
    if not text.lstrip().startswith("{"):
        return False
    try:
        return capsule.is_capsule(json.loads(text))
    except (ValueError, RecursionError):  # the service says where it cannot be read
        return False
