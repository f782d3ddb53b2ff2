"""The report in every form over REST and by the command."""

import re

import pytest

from service.contracts.forms import ReportForm, file_name
from tests.support.api_site import SPEC, Site
from tests.support.terminal import Terminal

BEGINS = {
    ReportForm.JSON: b'{"schema_version":1',
    ReportForm.HTML: b"<!doctype html>",
    ReportForm.MARKDOWN: b"**K-BFGS reaches",
    ReportForm.LATEX: b"% Report of comparison ",
    ReportForm.SVG: b"<?xml",
    ReportForm.PDF: b"%PDF-",
}


@pytest.mark.parametrize("form", ReportForm)
def test_each_form_is_a_file_with_its_type_and_a_harmless_name_that_may_be_kept(
    finished_site: tuple[Site, str], form: ReportForm
) -> None:
    site, comparison = finished_site
    address = f"/v1/comparisons/{comparison}/report?format={form}"
    answer = site.asker().get(address)
    assert answer.status_code == 200
    assert answer.content.startswith(BEGINS[form])
    assert answer.headers["content-type"].split(";")[0] == form.media_type
    kept = answer.headers.get("content-disposition", "")
    kind = {ReportForm.JSON: "", ReportForm.HTML: "inline"}.get(form, "attachment")
    name = f"filename-evil-exe-k-bfgs-nd-m-s-{comparison}.{form.suffix}"
    assert kept == (f'{kind}; filename="{name}"' if kind else "")
    policy = answer.headers["content-security-policy"]
    drawn = form in (ReportForm.HTML, ReportForm.SVG)
    assert (policy.startswith("default-src 'none'") and policy.endswith("sandbox")) == drawn
    again = site.asker().get(address, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("K-BFGS, and Adam!", "k-bfgs-and-adam-kq3.pdf"),
        ("漢字", "kq3.pdf"),
        ("../../etc/passwd\r\nSet-Cookie: a", "etc-passwd-set-cookie-a-kq3.pdf"),
        ("x" * 500, f"{'x' * 60}-kq3.pdf"),
    ],
)
def test_a_files_name_is_letters_digits_and_dashes(name: str, words: str) -> None:
    assert file_name(name, "kq3", "pdf") == words
    assert re.fullmatch(r"[a-z0-9-]+\.pdf", words)


def test_the_command_writes_each_form_and_text_to_a_pipe(
    terminal: Terminal, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("files")
    one = terminal.site.asker().post("/v1/comparisons", json=SPEC).json()["id"]
    wanted = [form for form in ReportForm if form is not ReportForm.JSON]
    paths = {form: folder / f"report.{form.suffix}" for form in wanted}
    options = [word for form, path in paths.items() for word in (f"--{form}", str(path))]
    out = terminal.command("report", one, *options)
    assert out.splitlines() == [f"wrote {path}" for path in paths.values()]
    for form, path in paths.items():
        assert path.read_bytes().startswith(BEGINS[form].partition(b"K-BFGS")[0])
    assert (
        terminal.command("report", one, "--latex", "-")
        == paths[ReportForm.LATEX].read_text().strip()
    )
