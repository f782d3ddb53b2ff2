"""Logs over REST: drivers send numbered chunks, people read pages, tokens and bounds hold."""

from datetime import UTC, datetime

import pytest

from api.client.__main__ import main
from service.contracts.logs import CHUNK_CHARACTERS, STUDY_CHARACTERS, LogBatch, LogChunk
from service.domain.records import Role
from service.usecases.logs import FULL, Logs
from tests.support.api_site import SPEC, Driver, Site, serving


@pytest.fixture
def driver(site: Site) -> Driver:
    site.asker().post("/v1/comparisons", json=SPEC).raise_for_status()
    return site.driver()


def chunk(number: int, text: str, trial_id: str | None = None) -> LogChunk:
    return LogChunk(number=number, trial_id=trial_id, at=datetime.now(UTC), text=text)


def batch(*chunks: LogChunk, attempt: int = 1) -> str:
    return LogBatch(attempt=attempt, chunks=chunks).model_dump_json()


def send(driver: Driver, *chunks: LogChunk, attempt: int = 1) -> int:
    answer = driver.http().post(driver.path("logs"), content=batch(*chunks, attempt=attempt))
    assert answer.status_code == 200, answer.text
    return int(answer.json()["stored"])


def read(site: Site, driver: Driver, **query: str | int) -> dict[str, object]:
    path = f"/v1/comparisons/{driver.study_id.split('-')[0]}/logs"
    answer = site.asker(Role.VIEWER).get(path, params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()
    return found


def texts(page: dict[str, object]) -> list[str]:
    items = page["items"]
    assert isinstance(items, list)
    return [item["text"] for item in items]


def a_trial(driver: Driver) -> str:
    return driver.http().get(driver.path("assignment")).json()["trials"][0]["trial_id"]


def test_chunks_are_stored_once_and_read_in_pages(site: Site, driver: Driver) -> None:
    trial = a_trial(driver)
    chunks = (chunk(0, "driver\n"), chunk(1, "trial 1\n", trial), chunk(2, "trial 2\n", trial))
    for _ in range(2):
        assert send(driver, *chunks) == 3
    first = read(site, driver, limit=2)
    assert texts(first) == ["driver\n", "trial 1\n"]
    assert texts(read(site, driver, after=first["last"])) == ["trial 2\n"]  # type: ignore[arg-type]
    assert texts(read(site, driver, trial=trial)) == ["trial 1\n", "trial 2\n"]
    assert texts(read(site, driver, study="other")) == []


def test_the_words_alone_say_whose_they_are(site: Site, driver: Driver) -> None:
    trial = a_trial(driver)
    send(driver, chunk(0, "one\n", trial), chunk(1, "two\n", trial), chunk(2, "three\0\n"))
    path = f"/v1/comparisons/{driver.study_id.split('-')[0]}/logs?format=text"
    answer = site.asker(Role.VIEWER).get(path)
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["x-last"] == str(read(site, driver)["last"])
    assert answer.text == (
        f"==> {trial}, attempt 1 <==\none\ntwo\n"
        f"==> driver of {driver.study_id}, attempt 1 <==\nthree\N{REPLACEMENT CHARACTER}\n"
    )


def test_a_terminal_is_shown_no_escape_sequences(
    site: Site, driver: Driver, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    send(driver, chunk(0, "\x1b]52;c;cm0=\x07loss\t1.5\n"))
    with serving(site.service) as url:
        monkeypatch.setenv("KBFGS_URL", url)
        monkeypatch.setenv("KBFGS_KEY", site.keys[Role.ADMIN])
        monkeypatch.setattr("sys.stdout.isatty", lambda: True)
        assert main(["logs", driver.study_id.split("-")[0]]) == 0
    shown = capsys.readouterr().out
    assert "loss\t1.5\n" in shown
    assert not {"\x1b", "\x07"} & set(shown)


def test_the_last_words_come_after_the_studys_end(site: Site, driver: Driver) -> None:
    study = next(s for s in site.service.queue.live() if s.id == driver.study_id)
    comparison_id = study.comparison_id
    site.asker().post(f"/v1/comparisons/{comparison_id}:cancel").raise_for_status()
    site.service.queue.stopped(next(s for s in site.service.queue.live()))
    assert send(driver, chunk(0, "stopped\n")) == 1


def test_another_attempt_or_study_has_no_say(site: Site, driver: Driver) -> None:
    other = site.driver()
    content = batch(chunk(0, "x"))
    assert driver.http().post(other.path("logs"), content=content).status_code == 403
    assert (
        driver.http().post(driver.path("logs"), content=batch(chunk(0, "x"), attempt=2)).status_code
        == 403
    )
    answer = driver.http().post(driver.path("logs"), content=batch(chunk(0, "x", "nobodys")))
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    study = next(s for s in site.service.queue.live() if s.id == driver.study_id)
    site.service.queue.lost(study, "lost")
    site.driver()
    assert driver.http().post(driver.path("logs"), content=content).status_code == 409


def test_a_chunk_and_a_batch_have_their_limits(driver: Driver) -> None:
    entry = {"number": 0, "at": datetime.now(UTC).isoformat(), "text": "x"}
    long = {**entry, "text": "x" * (CHUNK_CHARACTERS + 1)}
    for chunks in ([long], [{**entry, "number": number} for number in range(17)]):
        body = {"attempt": 1, "chunks": chunks}
        assert driver.http().post(driver.path("logs"), json=body).status_code == 422


def test_a_study_that_prints_too_much_is_cut_with_a_line(site: Site, driver: Driver) -> None:
    assert STUDY_CHARACTERS >= 1 << 20
    small = Logs(site.service.logs.units, most_characters=10)
    stored = [
        small.record(driver.study_id, LogBatch(attempt=1, chunks=(chunk(n, "12345678"),))).stored
        for n in range(4)
    ]
    assert stored == [1, 1, 0, 0]
    assert texts(read(site, driver)) == ["12345678", "12" + FULL]


def test_the_command_prints_and_follows_to_the_end(
    site: Site,
    driver: Driver,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    comparison_id = driver.study_id.split("-")[0]
    with serving(site.service) as url:
        monkeypatch.setenv("KBFGS_URL", url)
        monkeypatch.setenv("KBFGS_KEY", site.keys[Role.ADMIN])
        assert main(["logs", comparison_id]) == 0
        assert "nothing has been printed yet" in capsys.readouterr().err
        for number in range(150):
            send(driver, chunk(number, f"line {number}\n"))
        assert main(["logs", comparison_id, "--json", "--study", driver.study_id]) == 0
        assert '"text":"line 149\\n"' in capsys.readouterr().out
        site.asker().post(f"/v1/comparisons/{comparison_id}:cancel").raise_for_status()
        for study in site.service.queue.live():
            site.service.queue.stopped(study)
        site.service.progress.advance(comparison_id)
        assert main(["logs", comparison_id, "--follow"]) == 0
        shown = capsys.readouterr().out
    assert shown.startswith(f"==> driver of {driver.study_id}, attempt 1 <==\nline 0\n")
    assert shown.endswith("line 149\n")
    assert shown.count("==>") == 1
