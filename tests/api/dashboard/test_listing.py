"""The list of comparisons: which of them, and in the order that heads, form and address ask for."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from api.dashboard import listing
from service.contracts.states import ComparisonState
from service.domain.ordering import COMPARISONS_BY
from tests.api.dashboard.test_pages import Elements, browser
from tests.support.example_comparison import Example, example


def owned(*pairs: tuple[str, str]) -> list[Example]:
    """A comparison of each name and owner."""
    one = example()
    return [
        replace(
            one,
            view=one.view.model_copy(update={"id": f"abcdef{n:04}", "name": name, "owner": owner}),
        )
        for n, (name, owner) in enumerate(pairs)
    ]


def shown(text: str, names: Sequence[str]) -> list[str]:
    """Those names in the order of the page."""
    return sorted(names, key=lambda name: text.index(f">{name}</a>"))


def head(text: str, title: str) -> tuple[str | None, str]:
    """Of the column of that title: its ``aria-sort`` and where its link goes."""
    before = text[: text.index(f">{title}</a></th>")]
    (cell,) = Elements(before[before.rindex("<th") :] + "></a></th>").named("th")
    (link,) = Elements(before[before.rindex("<a") :] + "></a>").named("a")
    return cell.get("aria-sort"), str(link["href"])


def test_a_head_sorts_and_pressed_again_turns_round() -> None:
    names = ["beta", "gamma", "alpha"]
    client = browser(*owned(*((name, "ada") for name in names)))
    text = client.get("/").text
    assert head(text, "Comparison")[0] is None
    text = client.get(head(text, "Comparison")[1]).text
    assert shown(text, names) == sorted(names)
    sort, turned = head(text, "Comparison")
    assert sort == "ascending"
    text = client.get(turned).text
    assert shown(text, names) == sorted(names, reverse=True)
    assert head(text, "Comparison")[0] == "descending"


def test_what_was_sorted_before_orders_what_is_alike() -> None:
    names = ["beta", "gamma", "alpha"]
    client = browser(*owned(("beta", "bob"), ("gamma", "ada"), ("alpha", "bob")))
    by_name = client.get(head(client.get("/").text, "Comparison")[1]).text
    address = head(by_name, "Owner")[1]
    text = client.get(address).text
    assert "sort=owner%2Cname" in address
    assert shown(text, names) == ["gamma", "alpha", "beta"]
    assert [cell["aria-sort"] for cell in Elements(text).named("th") if "aria-sort" in cell] == [
        "ascending"
    ]


def test_the_usual_order_is_the_newest_first_and_its_address_is_plain() -> None:
    client = browser(example())
    text = client.get("/").text
    assert head(text, "Age") == ("ascending", "/?sort=created_at"), "the youngest first"
    assert head(client.get("/?sort=created_at").text, "Age") == ("descending", "/")


def test_the_next_page_and_the_filter_keep_the_order() -> None:
    names = [f"number {n:03}." for n in range(listing.PAGE_SIZE + 3)]
    client = browser(*owned(*((name, "ada") for name in reversed(names))))
    text = client.get("/", params={"sort": "name", "q": "number"}).text
    assert shown(text, names[: listing.PAGE_SIZE]) == names[: listing.PAGE_SIZE]
    more = next(str(one["href"]) for one in Elements(text).named("a") if one.get("rel") == "next")
    assert "sort=name" in more
    following = client.get(more).text
    assert shown(following, names[-3:]) == names[-3:]
    assert "q=number" in head(text, "Age")[1]


def test_the_part_that_is_fetched_again_is_in_the_same_order() -> None:
    client = browser(*owned(("beta", "ada"), ("alpha", "ada")))
    text = client.get("/parts/comparisons", params={"sort": "name"}).text
    assert shown(text, ["beta", "alpha"]) == ["alpha", "beta"]


@pytest.mark.parametrize("sort", ["-priority", "owner,-name", "created_at"])
def test_the_form_offers_every_order_and_has_the_present_one(sort: str) -> None:
    text = browser(example()).get("/", params={"sort": sort}).text
    options: list[dict[str, Any]] = Elements(text).named("option")
    offered = [one["value"] for one in options]
    assert {*COMPARISONS_BY, *(f"-{field}" for field in COMPARISONS_BY)} <= {*offered}
    assert [one["value"] for one in options if "selected" in one] == [sort]


def test_the_usual_order_of_the_form_is_one_that_may_be_asked_for() -> None:
    text = browser(example()).get("/", params={"sort": "-created_at"}).text
    assert head(text, "Age")[0] == "ascending"


def test_an_unknown_order_is_refused_in_words() -> None:
    answer = browser(example()).get("/", params={"sort": "nmae"})
    assert answer.status_code == 422
    assert "there is no &#39;nmae&#39; here; did you mean &#39;name&#39;?" in answer.text


def test_older_comparisons_are_a_page_on_and_keep_the_filter() -> None:
    names = [f"number {n}." for n in range(listing.PAGE_SIZE + 3)]
    client = browser(*owned(*((name, "ada") for name in names)))
    first = client.get("/", params={"q": "number"}).text
    assert names[0] in first
    assert names[-1] not in first
    links = Elements(first).named("a")
    older = next(str(one["href"]) for one in links if one.get("rel") == "next")
    assert "q=number" in older
    second = client.get(older).text
    assert names[-1] in second
    assert names[0] not in second


def test_a_search_reads_on_past_the_first_page() -> None:
    names = [f"number {n}." for n in range(2 * listing.PAGE_SIZE)] + ["the needle"]
    assert (
        "the needle"
        in browser(*owned(*((name, "ada") for name in names))).get("/", params={"q": "NEEDLE"}).text
    )


def test_the_state_filter_shows_that_state_alone() -> None:
    shown = [
        example(
            identifier="aaaaaaaaaa", name="one that runs", state=ComparisonState.RUNNING, share=0.5
        ),
        example(identifier="bbbbbbbbbb", name="one that is over"),
    ]
    text = browser(*shown).get("/", params={"state": "running"}).text
    assert "one that runs" in text
    assert "one that is over" not in text
