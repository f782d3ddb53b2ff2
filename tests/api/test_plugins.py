"""What a plug-in brings is named wherever a built-in is."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.domain.records import Role
from service.exports.palette import FURTHER_COLOURS, OPTIMIZER_COLOURS
from tests.support import api_site
from tests.support.api_site import SPEC, Site
from tests.support.plugin_packages import install_entries

PLUGGED = {
    **SPEC,
    "problems": ["valley"],
    "contenders": [{"optimizer": "adam"}, {"optimizer": "walk"}],
}


@pytest.fixture(scope="module")
def plugged_site(tmp_path_factory: pytest.TempPathFactory, empty_database: Path) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("plugged")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder / "site")
        install_entries(folder / "site", problem="valley", code="raise SystemExit('imported')")
        with api_site.site(folder / "home", empty_database) as made:
            yield made


def test_the_catalogue_has_it_with_its_origin(plugged_site: Site) -> None:
    asker = plugged_site.asker(Role.VIEWER)
    for path, name, title in (("optimizers", "walk", "Walker"), ("problems", "valley", "Valley")):
        entries = {entry["name"]: entry for entry in asker.get(f"/v1/{path}").json()}
        assert entries[name]["title"] == title
        assert entries[name]["plugin"]["distribution"] == "kbfgs-walk"
        assert entries[name]["plugin"]["version"] == "1.0"
        assert all(entry["plugin"] is None for other, entry in entries.items() if other != name)


@pytest.mark.parametrize(
    ("change", "name"),
    [({"problems": ["hill"]}, "valley"), ({"contenders": [{"optimizer": "run"}]}, "walk")],
)
def test_it_is_among_the_allowed_values_of_a_refusal(
    plugged_site: Site, change: dict[str, object], name: str
) -> None:
    answer = plugged_site.asker(Role.SUBMITTER).post("/v1/comparisons", json={**PLUGGED, **change})
    assert answer.status_code == 422
    assert name in answer.json()["errors"][0]["allowed"]


def test_its_settings_are_checked_by_its_bounds(plugged_site: Site) -> None:
    wrong = {**PLUGGED, "contenders": [{"optimizer": "walk", "settings": {"lr": -1}}]}
    answer = plugged_site.asker(Role.SUBMITTER).post("/v1/comparisons", json=wrong)
    assert answer.json()["errors"][0]["message"] == "must be > 0, got -1"


def test_it_is_planned_reported_and_drawn_as_a_built_in_is(plugged_site: Site) -> None:
    asker = plugged_site.asker(Role.SUBMITTER)
    comparison = asker.post("/v1/comparisons", json=PLUGGED).json()["id"]
    problem = asker.get(f"/v1/comparisons/{comparison}/report").json()["problems"][0]
    assert problem["title"] == "Valley"
    assert problem["contenders"][1]["space"]["lr"]["log"] == [0.01, 1.0]
    page = asker.get(f"/comparisons/{comparison}", headers={"Accept": "text/html"}).text
    assert "Valley" in page
    for colour in (OPTIMIZER_COLOURS["adam"], FURTHER_COLOURS[0]):
        assert colour in page
