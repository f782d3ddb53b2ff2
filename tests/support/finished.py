"""Comparisons that ran to their end in process: made-up figures, the service's own way."""

from tests.support.api_site import SPEC, Site
from tests.support.web_service import PlayedDriver


def finished(site: Site, **fields: object) -> str:
    """A new comparison whose studies were all run; its id."""
    answer = site.asker().post("/v1/comparisons", json={**SPEC, **fields})
    assert answer.status_code == 201, answer.text
    while site.service.queue.queued():
        driver = site.driver()
        http = driver.http()
        http.base_url = f"http://testserver/v1/studies/{driver.study_id}"
        assignment = site.service.studies.assignment(driver.study_id, attempt=driver.attempt)
        played = PlayedDriver(http, assignment)
        for trial in assignment.trials:
            played.run(trial)
        played.end()
    return str(answer.json()["id"])
