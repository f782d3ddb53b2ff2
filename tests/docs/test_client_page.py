"""docs/client.md has every command and every exit code, as the client has them."""

import re
from pathlib import Path

from api.client.__main__ import EPILOG, parser
from api.client.grammar import commands_of

PAGE = (Path(__file__).parents[2] / "docs" / "client.md").read_text()


def test_every_command_stands_in_its_table() -> None:
    table = PAGE[PAGE.index("## Commands") : PAGE.index("## JSON")]
    named = {words.split("`")[0] for words in re.findall(r"[`,] ?`?([a-z]+(?: [a-z]+)?)", table)}
    missing = [one.path for one in commands_of(parser()) if not one.is_group]
    assert [path for path in missing if path not in named] == []


def test_its_exit_codes_are_those_of_the_help() -> None:
    documented = re.findall(r"^\| (\d+) \| (.*?) \|$", PAGE, re.MULTILINE)
    assert [code for code, _ in documented] == re.findall(r"^  (\d+) ", EPILOG, re.MULTILINE)
