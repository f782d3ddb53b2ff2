"""About a hundred hostile requests: each is refused or harmless, and none leaves a trace."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import func, select

from service.db.models import Base
from service.domain.records import Role
from tests.support.api_site import SPEC, Site

LEAKS = ("Traceback", "sqlalchemy", "sqlite3", "site-packages", "root:x:", "errors.pydantic")
LARGEST_REFUSAL = 64 << 10
HUGE = int("9" * 400)
JSON, YAML = {"Content-Type": "application/json"}, {"Content-Type": "application/yaml"}
SCRIPT = "<script>alert(1)</script>"


def contender(**fields: object) -> str:
    return json.dumps({**SPEC, "contenders": [{"optimizer": "adam", **fields}]})


def spec(**fields: object) -> str:
    return json.dumps({**SPEC, **fields})


def rows(site: Site) -> dict[str, int]:
    """How many rows each table has."""
    with site.service.engine.connect() as connection:
        return {
            name: connection.scalar(select(func.count()).select_from(table)) or 0
            for name, table in Base.metadata.tables.items()
        }


def harmless(answer: Any, site: Site, *, most: int | None = LARGEST_REFUSAL) -> Any:
    """The answer, once it is known to be neither a failure nor a leak."""
    assert answer.status_code < 500, answer.text
    assert most is None or len(answer.content) < most
    assert "default-src" in answer.headers["content-security-policy"]
    for word in (*LEAKS, str(site.service.settings.home), *site.keys.values()):
        assert word not in answer.text, word
    return answer


@pytest.fixture(autouse=True)
def leaves_no_trace(quiet_site: Site) -> Iterator[None]:
    before = rows(quiet_site)
    yield
    assert rows(quiet_site) == before, "something was stored"


SPECS = {
    "half a character in a name": spec(name="a\ud800b"),
    "half a character as a field": spec(**{"\ud800": 1}),
    "half a character as a setting": contender(settings={"\ud800": 1}),
    "half a character as a value": contender(settings={"lr": "\ud800"}),
    "NUL in a name": spec(name="a\0b"),
    "NUL as a contender": contender(name="a\0b"),
    "NUL as a setting": contender(settings={"l\0r": 1}),
    "a line end in a name": spec(name="a\r\nSet-Cookie: kbfgs_session=x"),
    "an escape sequence in a name": spec(name="a\x1b[2Jb"),
    "SQL as a contender": contender(name="x'); DROP TABLE api_keys;--"),
    "HTML as a contender": contender(name=SCRIPT),
    "a path as a contender": contender(name="../../etc/passwd"),
    "a path as a problem": spec(problems=["../../../etc/passwd"]),
    "HTML as a problem": spec(problems=[SCRIPT]),
    "HTML as a field": spec(**{SCRIPT: 1}),
    "a template as a baseline": spec(baseline="{{ 7 * 7 }}"),
    "a module as an optimizer": contender(optimizer="os.system"),
    "code as a setting": contender(settings={"lr": "__import__('os')"}),
    "a long name": spec(name="x" * 900_000),
    "a long contender": contender(name="x" * 900_000),
    "a long field": spec(**{"x" * 900_000: 1}),
    "20,000 unknown fields": spec(**{f"x{number}": 1 for number in range(20_000)}),
    "20,000 settings": contender(settings={f"x{number}": 1 for number in range(20_000)}),
    "30,000 problems": spec(problems=["X"] * 30_000),
    "60,000 names and one twice": "{"
    + "".join(f'"x{n}":1,' for n in range(60_000))
    + '"x1":1,"x1":1}',
    "nesting": '{"name":' + "[" * 100_000,
    "nesting that ends": spec(name=5)[:-1] + ',"x":' + "[" * 900 + "]" * 900 + "}",
    "nested mappings": '{"a":' * 50_000,
    "5,000 digits": spec(name=5).replace(": 5,", ": " + "9" * 5_000 + ","),
    "huge seeds": spec(seeds=HUGE),
    "negative seeds": spec(seeds=-1),
    "a huge seed": spec(seed=2**64),
    "huge epochs": spec(budget={"epochs": 2**63}),
    "huge trials": spec(tuning={"trials": 2**62}),
    "a huge list's entry": contender(settings={"betas": [HUGE, 0.9]}),
    "a huge whole number": contender(settings={"lr": HUGE}),
    "a negative rate": contender(settings={"lr": -1e308}),
    "a huge range": contender(space={"lr": {"log": [1e-300, HUGE]}}),
    "an infinite range": contender(space={"lr": {"log": [1, "INF"]}}).replace('"INF"', "1e999"),
    "infinity": contender(settings={"lr": "INF"}).replace('"INF"', "1e999"),
    "infinity in a list": contender(settings={"betas": ["INF", 0]}).replace('"INF"', "1e999"),
    "Infinity": spec(seeds="INF").replace('"INF"', "Infinity"),
    "NaN": spec(seeds="NAN").replace('"NAN"', "NaN"),
    "a NaN target": spec(verdict={"target": "NAN"}).replace('"NAN"', "NaN"),
    "tiny processors": spec(resources={"cpus": 1e-300}),
    "huge workers": spec(workers={"min": 1, "max": 10**30}),
    "huge stall": spec(stall_seconds=1e308),
    "true as a number of seeds": spec(seeds="yes"),
}
DOCUMENTS = {
    "a bomb of aliases": "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nd: [*c,*c]",
    "an alias of itself": "&a [*a]",
    "a merge of aliases": "a: &a {b: 1}\nc: {<<: *a}",
    "a Python object": "!!python/object/apply:os.system ['id']",
    "a timestamp that is none": "name: !!timestamp x",
    "a number without digits": 'seeds: !!int ""',
    "a truth that is none": "seeds: !!bool x",
    "60,000 hexadecimal digits": "seeds: 0x" + "f" * 60_000,
    "60,000 octal digits": "seeds: -0" + "7" * 60_000,
    "sixties": "seeds: " + ":".join(["1"] * 20_000),
    "infinity": "seeds: .inf",
    "not a number": "seeds: .nan",
    "NUL": 'name: "a\\0b"',
    "half a character": 'name: "\\ud800"',
    "beyond Unicode": 'name: "\\U00110000"',
    "a control character": "name: a\x07b",
    "bytes": "name: !!binary aGk=",
    "a moment": "name: 2001-01-01",
    "a moment that is none": "name: 2001-99-99",
    "a moment as a field": "2001-01-01: 1",
    "a list as a field": "? [a]\n: 1",
    "no number as a field": ".nan: 1",
    "nesting": "[" * 5_000,
    "nested mappings": "{a: " * 15_000,
    "several documents": "--- {}\n--- {}",
    "3,000 fields": "\n".join(f"x{number}: 1" for number in range(3_000)),
}


@pytest.mark.parametrize("content", SPECS.values(), ids=SPECS)
def test_a_hostile_spec_is_refused(quiet_site: Site, content: str) -> None:
    answer = quiet_site.asker(Role.SUBMITTER).post(
        "/v1/comparisons", content=content.encode(errors="surrogatepass"), headers=JSON
    )
    assert harmless(answer, quiet_site).status_code in (400, 422)


@pytest.mark.parametrize("content", DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_hostile_document_is_refused(quiet_site: Site, content: str) -> None:
    whole = content if content[0] in "[{!&-" else f"{content}\nproblems: [x]\ncontenders: []"
    answer = quiet_site.asker(Role.SUBMITTER).post("/v1/comparisons", content=whole, headers=YAML)
    assert harmless(answer, quiet_site).status_code in (400, 422)


CHANGES = {
    "half a character in a name": {"name": "\ud800"},
    "NUL in a name": {"name": "a\0b"},
    "a line end in a name": {"name": "a\r\nb"},
    "a script as a tag": {"tags": [SCRIPT]},
    "SQL as a tag": {"tags": ["x'); DROP TABLE comparison_tags;--"]},
    "NUL in a tag": {"tags": ["a\0b"]},
    "a thousand tags": {"tags": [f"tag{number}" for number in range(1000)]},
    "a huge priority": {"priority": HUGE},
    "somebody else's": {"owner": "admin"},
    "another state": {"state": "finished"},
    "another id": {"id": "../../etc/passwd"},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_hostile_change_is_refused(quiet_site: Site, change: dict[str, object]) -> None:
    asker = quiet_site.asker(Role.SUBMITTER)
    answer = asker.patch("/v1/comparisons/nothing", content=json.dumps(change), headers=JSON)
    assert harmless(answer, quiet_site).status_code in (400, 422)


ADDRESSES = {
    "a path as a comparison": "/v1/comparisons/..%2f..%2f..%2fetc%2fpasswd",
    "a path with a backslash": "/v1/comparisons/..%5c..%5cetc",
    "a path as a report": "/v1/comparisons/..%2f/report?format=html",
    "a path as a format": "/v1/comparisons/x/report?format=../../etc/passwd",
    "a path as a page": "/comparisons/..%2f..%2fetc%2fpasswd",
    "a static file outside": "/static/../../service/settings.py",
    "a static file outside, encoded": "/static/%2e%2e/%2e%2e/pyproject.toml",
    "a static file outside, twice encoded": "/static/%252e%252e%252fapp.py",
    "an absolute static file": "/static//etc/passwd",
    "NUL in a static file": "/static/base.css%00.html",
    "NUL in an id": "/v1/comparisons/a%00b",
    "NUL in a cursor": "/v1/comparisons?cursor=a%00b",
    "NUL in a filter": "/v1/comparisons/x/trials?contender=%00",
    "bytes that are no text": "/v1/comparisons/%ff%fe",
    "half a character": "/v1/comparisons/%ed%a0%80",
    "SQL in an id": "/v1/comparisons/x'%20OR%201=1--",
    "SQL in a cursor": "/v1/comparisons?cursor=x'%20UNION%20SELECT%20digest%20FROM%20api_keys--",
    "SQL in a state": "/v1/comparisons?state=queued'%20OR%201=1",
    "SQL in a log's trial": "/v1/comparisons/x/logs?trial='%20OR%20''='",
    "a pattern in a name": "/v1/comparisons?name=%25_\\&cursor=x",
    "NUL in a tag": "/v1/comparisons?tag=%00",
    "SQL in an owner": "/v1/comparisons?owner='%20OR%201=1--&cursor=x",
    "HTML in an id": "/comparisons/%3Cscript%3Ealert(1)%3C%2Fscript%3E",
    "HTML in a page that is none": "/%3Cscript%3Ealert(1)%3C%2Fscript%3E",
    "a header in an id": "/v1/comparisons/x%0d%0aSet-Cookie:%20a=b",
    "a huge limit": f"/v1/comparisons?limit={HUGE}",
    "a negative limit": "/v1/comparisons?limit=-1",
    "a huge number of a change": f"/v1/comparisons/x/events?after={2**63}",
    "no number of points": "/v1/comparisons/x/metrics?points=nan",
    "a long cursor": "/v1/comparisons?cursor=" + "x" * 10_000,
    "thousands of trials": "/v1/comparisons/x/metrics?" + "trial=x&" * 5_000,
    "a slash at the end": "/v1/comparisons/",
}


@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES)
def test_a_hostile_address_leads_nowhere(quiet_site: Site, address: str) -> None:
    headers = {"Accept": "text/html", "Host": "evil.example"}
    answer = harmless(quiet_site.asker().get(address, headers=headers), quiet_site)
    assert answer.status_code in ((400,) if "%00" in address else (404, 422))
    assert SCRIPT not in answer.text
    assert not {"location", "set-cookie"} & answer.headers.keys()


@pytest.mark.parametrize(
    "search", [SCRIPT, '"><img src=x onerror=alert(1)>', "%' OR 1=1--", "{{ 7 * 7 }}", "\ud83d"]
)
def test_a_search_shows_its_text_and_no_more(quiet_site: Site, search: str) -> None:
    page = quiet_site.asker().get(
        "/", params={"q": search.encode(errors="surrogatepass"), "state": SCRIPT}
    )
    assert harmless(page, quiet_site).status_code == 200
    assert SCRIPT not in page.text
    assert "<img src=x" not in page.text
    assert "49" not in page.text


NAMES = {
    "a script": SCRIPT,
    "the end of an attribute": '"><img src=x onerror=alert(1)>',
    "the end of a script": "</script></title></textarea><svg onload=alert(1)>",
    "a template": "{{ 7 * 7 }}{% raw %}${7*7}",
    "SQL": "x'); DROP TABLE comparisons;--",
    "letters that run backwards": "\u202egnp.exe",
    "an address that runs": "javascript:alert(1)",
    "a comment": "--><!--",
}


def test_a_name_is_text_wherever_it_is_shown(site: Site) -> None:
    asker = site.asker()
    tags = ("<script>alert", "<img src=x", "<svg onload", "--><!--", 'href="javascript:')
    for label, name in NAMES.items():
        view = asker.post("/v1/comparisons", json={**SPEC, "name": name, "seeds": 1}).json()
        assert view["name"] == name, label
        here = f"/comparisons/{view['id']}"
        for path in ("/", f"/?q={view['id']}", here, f"/v1{here}/report?format=html"):
            page = harmless(asker.get(path), site, most=None)
            assert page.status_code == 200
            assert not [tag for tag in tags if tag in page.text], (label, path)
        assert asker.get(f"/v1{here}").json()["name"] == name


WORDS = {
    "a line end": "a\r\nSet-Cookie: a=b",
    "a bell": "a\x07",
    "a letter that is no ASCII": "\xfc",
    "too long": "x" * 201,
}


@pytest.mark.parametrize("word", WORDS.values(), ids=WORDS)
def test_a_hostile_idempotency_key_is_refused(quiet_site: Site, word: str) -> None:
    answer = quiet_site.asker().post(
        "/v1/comparisons", json=SPEC, headers={"Idempotency-Key": word.encode("latin-1")}
    )
    assert harmless(answer, quiet_site).status_code == 422
    assert "set-cookie" not in answer.headers


SIZES = {
    "50 MB, announced": {"Content-Length": str(50 << 20)},
    "more than any number, announced": {"Content-Length": "9" * 5_000},
}


@pytest.mark.parametrize("path", ["/v1/comparisons", "/v1/studies/x/events", "/login", "/"])
@pytest.mark.parametrize("headers", SIZES.values(), ids=SIZES)
def test_an_announced_size_is_refused_before_it_arrives(
    quiet_site: Site, path: str, headers: dict[str, str]
) -> None:
    stranger = quiet_site.asker(None)
    answer = harmless(stranger.post(path, content=b"{}", headers=headers), quiet_site)
    assert answer.status_code == 413


CAPSULES = {
    "another version": {"kind": "capsule", "schema_version": 2},
    "300,000 trials": {"kind": "capsule", "trials": [{}] * 300_000},
    "20,000 seeds": {"kind": "capsule", "seeds": {"tuning": 1, "finals": [HUGE] * 20_000}},
    "a checksum of another": {"kind": "capsule", "checksum": "0" * 64, SCRIPT: 1},
    "a list": [],
}


@pytest.mark.parametrize("capsule", CAPSULES.values(), ids=CAPSULES)
def test_a_hostile_capsule_is_refused_by_its_fields(quiet_site: Site, capsule: object) -> None:
    answer = quiet_site.asker().post("/v1/comparisons:rerun", content=json.dumps(capsule))
    assert harmless(answer, quiet_site).status_code in (400, 422)


def test_50_megabytes_in_pieces_are_read_to_the_limit_alone(quiet_site: Site) -> None:
    read = 0

    def pieces() -> Iterator[bytes]:
        nonlocal read
        for _ in range(800):
            read += 65_536
            yield b" " * 65_536

    answer = quiet_site.asker().post("/v1/comparisons", content=pieces(), headers=JSON)
    assert harmless(answer, quiet_site).status_code == 413


def test_a_strangers_body_is_not_read(quiet_site: Site) -> None:
    answer = quiet_site.asker(None).post(
        "/v1/comparisons", content=(b" " * 65_536 for _ in range(800)), headers=JSON
    )
    assert harmless(answer, quiet_site).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"X-HTTP-Method-Override": "POST"},
        {"X-Method-Override": "DELETE"},
        {"X-Original-URL": "/v1/login-links"},
        {"X-Rewrite-URL": "/v1/login-links"},
        {"X-Forwarded-Host": "evil.example"},
        {"X-Forwarded-User": "admin"},
        {"Host": "evil.example"},
        {"Host": "evil.example:80@127.0.0.1"},
        {"Origin": "https://evil.example"},
    ],
    ids=str,
)
def test_a_header_changes_neither_method_nor_address_nor_asker(
    quiet_site: Site, headers: dict[str, str]
) -> None:
    known = quiet_site.asker(Role.VIEWER).get("/v1/comparisons", headers=headers)
    assert known.json() == {"items": [], "next_cursor": None}
    assert "evil" not in str(known.headers)
    assert not any(name.startswith("access-control") for name in known.headers)
    stranger = quiet_site.asker(None).get("/v1/comparisons", headers=headers)
    assert harmless(stranger, quiet_site).status_code == 401
