"""Trials and curves over REST and by the command."""

import csv
import io
import json
import re
import zipfile
from contextlib import ExitStack
from pathlib import Path

import pytest

from api.limits import EXPORTS_AT_ONCE
from service.contracts.export import Export
from service.contracts.forms import DataForm, DataTable, ReportForm, data_kind
from service.contracts.views import TrialView
from service.domain.errors import StorageUnavailable
from service.domain.records import Role
from tests.support.api_site import SPEC, Site
from tests.support.terminal import Terminal

FURTHER = ("markdown", "latex", "svg", "pdf")
FILES = [(form, None) for form in DataForm]
FILES += [(form, table) for form in DataForm if form.has_tables for table in DataTable]


@pytest.mark.parametrize(("form", "table"), FILES)
def test_each_form_is_a_file_with_its_type_and_a_harmless_name_that_may_be_kept(
    finished_site: tuple[Site, str], form: DataForm, table: DataTable | None
) -> None:
    site, comparison = finished_site
    asked = {"format": form, **({"table": table} if table else {})}
    viewer = site.asker(Role.VIEWER)
    answer = viewer.get(f"/v1/comparisons/{comparison}/export", params=asked)
    assert answer.status_code == 200
    kind = data_kind(form, table)
    assert answer.headers["content-type"].split(";")[0] == kind.media_type
    name = f"filename-evil-exe-k-bfgs-nd-m-s-{comparison}.{kind.suffix}"
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    again = viewer.get(
        f"/v1/comparisons/{comparison}/export",
        params=asked,
        headers={"If-None-Match": answer.headers["etag"]},
    )
    assert (again.status_code, again.content) == (304, b"")


def test_each_link_of_the_page_is_a_file(finished_site: tuple[Site, str]) -> None:
    site, comparison = finished_site
    browser = site.asker(None)
    browser.get(site.asker().post("/v1/login-links").json()["path"])
    page = browser.get(f"/comparisons/{comparison}").text
    menu = page[page.index('<details class="downloads">') : page.index("</details>")]
    links = re.findall(r'href="([^"]+)"', menu)
    data = {f"/v1/comparisons/{comparison}/export?format={form}" for form in DataForm}
    reports = {f"/v1/comparisons/{comparison}/report?format={form}" for form in FURTHER}
    assert data | reports <= set(links)
    rest = set(links) - data - reports  # which have tests of their own
    assert len(rest) == 2
    for link in rest:
        assert browser.get(link).status_code == 200


def test_the_tag_moves_with_the_comparison(site: Site) -> None:
    one = site.asker().post("/v1/comparisons", json=SPEC).json()["id"]
    before = site.asker().get(f"/v1/comparisons/{one}/export").headers["etag"]
    site.asker().post(f"/v1/comparisons/{one}:cancel")
    after = site.asker().get(f"/v1/comparisons/{one}/export", headers={"If-None-Match": before})
    assert (after.status_code, after.headers["etag"] == before) == (200, False)


def test_it_has_every_trial_and_every_point_that_the_lists_have(
    finished_site: tuple[Site, str],
) -> None:
    site, comparison = finished_site
    asker = site.asker()
    trials = asker.get(f"/v1/comparisons/{comparison}/trials").json()
    curves = {
        one["trial_id"]: one for one in asker.get(f"/v1/comparisons/{comparison}/metrics").json()
    }
    document = asker.get(f"/v1/comparisons/{comparison}/export?format=json").json()
    Export.model_validate(document)
    listed = [{name: one[name] for name in TrialView.model_fields} for one in document["trials"]]
    assert listed == trials
    for one in document["trials"]:
        kept = curves[one["id"]]
        assert {name: one["curve"][name] for name in one["curve"] if name in kept} == {
            name: kept[name] for name in one["curve"] if name in kept
        }
    text = asker.get(f"/v1/comparisons/{comparison}/export?table=points").text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["train_loss"] for row in rows] == [
        repr(loss) for one in trials for loss in curves[one["id"]]["train_loss"]
    ]


def test_what_is_not_there_and_what_has_no_tables_are_refused(
    finished_site: tuple[Site, str],
) -> None:
    site, comparison = finished_site
    asker = site.asker()
    assert asker.get("/v1/comparisons/nothing/export").status_code == 404
    answer = asker.get(f"/v1/comparisons/{comparison}/export?format=json&table=trials")
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["field"], error["allowed"]) == ("format", ["csv", "parquet"])


def test_a_database_that_is_away_is_a_problem_and_no_broken_file(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = site.asker().post("/v1/comparisons", json=SPEC).json()["id"]

    def away(*_: object, **__: object) -> None:
        raise StorageUnavailable("the database cannot be used now: it is away")

    monkeypatch.setattr("service.db.repositories.trials.Trials.page", away)
    answer = site.asker().get(f"/v1/comparisons/{one}/export")
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_key_has_a_few_exports_and_drawn_reports_under_way_and_no_more(site: Site) -> None:
    one = site.asker().post("/v1/comparisons", json=SPEC).json()["id"]
    asker = site.asker()
    (key,) = [key for key in asker.get("/v1/keys").json() if key["role"] == "admin"]
    exports = site.app.state.limits.exports
    with ExitStack() as under_way:
        for _ in range(EXPORTS_AT_ONCE):
            under_way.enter_context(exports.one(key["id"]))
        answer = asker.get(f"/v1/comparisons/{one}/export")
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) > 0
        reports = {
            form: asker.get(f"/v1/comparisons/{one}/report?format={form}").status_code
            for form in ReportForm
        }
        assert asker.get(f"/compare?then={one}&now={one}").status_code == 429
        assert reports == {form: 429 if form.is_drawn else 200 for form in ReportForm}
        assert site.asker(Role.VIEWER).get(f"/v1/comparisons/{one}/export").status_code == 200
    for path in ("export", "report?format=svg", "export"):
        assert asker.get(f"/v1/comparisons/{one}/{path}").status_code == 200


def test_the_command_writes_the_file_or_to_a_pipe(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    one = terminal.submit()
    told = terminal.command("export", one)
    name = f"two-against-each-other-{one}.csv.zip"
    assert re.fullmatch(rf"wrote {name} \([\d.]+ k?B\)", told)
    assert zipfile.ZipFile(name).namelist() == ["trials.csv", "points.csv"]
    told = terminal.command("export", one, "--format", "json", "--output", "it.json", "--json")
    assert json.loads(told) == {"file": "it.json"}
    assert Export.model_validate_json(Path("it.json").read_bytes()).comparison.id == one
    out = terminal.command("export", one, "--table", "trials", "--output", "-")
    assert out.startswith("comparison_id,trial_id,")
    assert len(out.splitlines()) == 5
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["it.json", name]


def test_a_command_that_cannot_write_leaves_nothing(terminal: Terminal, tmp_path: Path) -> None:
    one = terminal.submit()
    path = tmp_path / "no" / "folder.zip"
    assert terminal.run("export", one, "--output", str(path)) == (
        2,
        "",
        f"cannot write {path}: no such folder\n",
    )
    code, _, errors = terminal.run("export", "nothing", "--output", str(tmp_path / "a.zip"))
    assert (code, "there is no comparison nothing" in errors) == (2, True)
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".part"]
    assert not (tmp_path / "a.zip").exists()
