"""Prometheus and Grafana as they are deployed ask for figures that there are, where they are."""

import json
import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from service.domain.records import Role
from tests.support import api_site
from tests.support.api_site import SPEC, Site

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
BOARD: dict[str, Any] = json.loads((DEPLOY / "grafana/boards/kbfgs.json").read_text())
SOURCE = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yaml").read_text())
BOARDS = yaml.safe_load((DEPLOY / "grafana/provisioning/dashboards/boards.yaml").read_text())
SCRAPES = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())["scrape_configs"]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
NAME = re.compile(r"\bkbfgs_\w+")
LABELS = re.compile(r"by \(([^)]*)\)|\{(\w+)(?:=|!=)\"([^\"]*)\"\}")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("monitored")
    with api_site.site(folder / "home", api_site.empty_database(folder)) as made:
        yield made


def expressions() -> list[str]:
    return [target["expr"] for panel in BOARD["panels"] for target in panel["targets"]]


def samples(site: Site) -> dict[str, list[dict[str, str]]]:
    """The labels of every sample that a used service tells, by its name."""
    site.asker().post("/v1/comparisons", json=SPEC)
    text = site.asker(Role.VIEWER).get("/metrics").text
    found: dict[str, list[dict[str, str]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append(sample.labels)
    return found


def test_every_figure_of_the_board_is_told_with_the_labels_that_it_is_asked_by(site: Site) -> None:
    told = samples(site)
    paths = {route.path for route in site.app.state.api_routes}
    for expression in expressions():
        (name,) = set(NAME.findall(expression))
        assert name in told, expression
        for grouped, label, value in LABELS.findall(expression):
            asked = set(re.findall(r"\w+", grouped or label))
            assert asked <= set(told[name][0]), expression
            here = paths if label == "route" else {one.get(label) for one in told[name]}
            assert not label or value in here, expression


def test_every_figure_that_is_told_stands_on_the_board(site: Site) -> None:
    families = {re.sub(r"_(bucket|count|sum|total|created)$", "", name) for name in samples(site)}
    shown = {
        re.sub(r"_(bucket|count|sum|total)$", "", name)
        for expression in expressions()
        for name in NAME.findall(expression)
    }
    assert families - shown == set()


def test_panels_have_their_own_places_and_numbers() -> None:
    panels = BOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for one, other in combinations([panel["gridPos"] for panel in panels], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above


def test_the_board_asks_the_prometheus_that_is_provisioned() -> None:
    (source,) = SOURCE["datasources"]
    asked = {panel["datasource"]["uid"] for panel in BOARD["panels"]}
    asked |= {target["datasource"]["uid"] for p in BOARD["panels"] for target in p["targets"]}
    assert asked == {source["uid"]}
    host = source["url"].removeprefix("http://").split(":")[0]
    assert set(COMPOSE["services"][host]["networks"]) & set(
        COMPOSE["services"]["grafana"]["networks"]
    )


def test_prometheus_scrapes_the_web_with_a_key_that_it_is_given(site: Site) -> None:
    (scrape,) = SCRAPES
    assert scrape["metrics_path"] in {route.path for route in site.app.state.api_routes}
    (host, port) = scrape["static_configs"][0]["targets"][0].split(":")
    web = COMPOSE["services"][host]
    assert port in web["command"]
    prometheus = COMPOSE["services"]["prometheus"]
    assert set(prometheus["networks"]) & set(web["networks"])
    given = {f"/run/secrets/{secret['source']}" for secret in prometheus["secrets"]}
    assert scrape["authorization"]["credentials_file"] in given


def test_what_is_mounted_exists_and_is_where_it_is_looked_for() -> None:
    mounts = {}
    for name in ("prometheus", "grafana"):
        for mount in COMPOSE["services"][name]["volumes"]:
            source, target = mount.split(":")[:2]
            if source.startswith("."):
                assert (ROOT / source).exists()
                mounts[target] = source
            else:
                assert source in COMPOSE["volumes"]
    assert BOARDS["providers"][0]["options"]["path"] in mounts
    home = COMPOSE["services"]["grafana"]["environment"][
        "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"
    ]
    assert (ROOT / mounts[str(Path(home).parent)] / Path(home).name).exists()
