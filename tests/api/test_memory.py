"""What a request needed is let go of with its answer."""

import gc
import sys

import pytest

from tests.support.api_site import SPEC, Site

REQUESTS = 200


@pytest.mark.parametrize("path", ["/v1/comparisons", "/v1/comparisons/{id}", "/nothing"])
def test_a_request_leaves_no_object_behind(site: Site, path: str) -> None:
    asker = site.asker()
    path = path.format(id=asker.post("/v1/comparisons", json=SPEC).json()["id"])

    def objects_after(requests: int) -> int:
        for _ in range(requests):
            asker.get(path)
        gc.collect()
        return sys.getallocatedblocks()

    before = objects_after(100)
    assert objects_after(REQUESTS) - before < REQUESTS
