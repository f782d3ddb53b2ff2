"""A plug-in's data file is a catalogue's entries or one line that says what is wrong."""

import pytest

from service.contracts.catalogue import Plugin, built_in
from service.contracts.catalogue.plugins import PluginRefused, add_plugins, read_plugin
from tests.support.plugin_packages import data_file

GOOD = data_file("walker", optimizer="walk", problem="valley")
BUILT_IN = {entry.name for entry in (*built_in().optimizers, *built_in().problems)}


def read(text: str, distribution: str = "kbfgs-walk") -> Plugin:
    return read_plugin(text, distribution=distribution, version="1.0")


def test_its_entries_say_where_they_come_from() -> None:
    (optimizer,), (problem,) = read(GOOD).optimizers, read(GOOD).problems
    assert (optimizer.name, optimizer.space["lr"].bounds) == ("walk", (0.01, 1.0))
    assert optimizer.plugin is not None
    assert optimizer.plugin.factory == "walker.code:build"
    assert problem.plugin is not None
    assert (problem.plugin.label, problem.training_rows) == ("kbfgs-walk 1.0", 20)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (("schema_version = 1", "schema_version ="), "not TOML: Invalid value (at line 1, "),
        (("schema_version = 1", "schema_version = 2"), "schema_version: Input should be 1"),
        (('factory = "walker.code:build"', ""), "optimizers[0].factory: Field required"),
        (
            ("walker.code:Valley", "walker.code"),
            "problems[0].factory: must be module:function, got ",
        ),
        (
            ('title = "Walker"', 'titel = "Walker"'),
            "optimizers[0].titel: unknown field (allowed: name, title",
        ),
        (("[[problems]]", "[[problem]]"), "problem: unknown field (allowed: schema_version, "),
        (('"float"', '"real"'), "optimizers[0].settings[0].kind: "),
        (('name = "walk"', 'name = "Walk"'), "optimizers[0].name: String should match "),
        (("default = 0.1", "default = -1"), "optimizers[0].settings[0].default: must be > 0, "),
        (
            ("default = 0.1", 'default = 0.1, needs = "momentun"'),
            "optimizers[0].settings[0].needs: there is no setting 'momentun' here",
        ),
        (("{lr = {log", "{rate = {log"), "optimizers[0].space.rate: no setting that can be"),
        (("[0.01, 1.0]", "[1.0, 0.01]"), "optimizers[0].space.lr.log: low must be below high"),
        (("{log = [0.01", "{linear = [-1"), "optimizers[0].space.lr: must be > 0, got -1"),
        (("batch_size = 10", "batch_size = 0"), "problems[0].batch_size: Input should be greater"),
        (("epochs = 2", 'plugin = "me"\nepochs = 2'), "problems[0].plugin: Input should be None"),
    ],
)
def test_what_is_wrong_with_it_is_named(change: tuple[str, str], line: str) -> None:
    assert GOOD.count(change[0]) >= 1
    with pytest.raises(PluginRefused) as refused:
        read(GOOD.replace(*change, 1))
    assert line in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_without_entries_is_refused() -> None:
    with pytest.raises(PluginRefused, match="neither optimizers nor problems are listed"):
        read("schema_version = 1")


def test_a_name_that_is_listed_twice_is_refused() -> None:
    once = data_file("walker").removeprefix("schema_version = 1\n")
    with pytest.raises(PluginRefused, match=r"optimizers\[1\]\.name: 'walk' is listed twice"):
        read(GOOD + once)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (data_file("w", optimizer="adam", problem="new"), "optimizer 'adam' is built in already"),
        (
            data_file("w", optimizer="new", problem="mnist-5k-autoencoder"),
            "problem 'mnist-5k-autoencoder' is built in already",
        ),
        (GOOD, "optimizer 'walk' is brought by kbfgs-walk 1.0 already"),
    ],
)
def test_a_name_that_is_taken_disables_the_whole_plugin_and_nothing_else(
    text: str, line: str
) -> None:
    found = add_plugins(built_in(), [read(GOOD), read(text, "kbfgs-late")])
    assert [str(plugin) for plugin in found.disabled] == [
        f"plug-in kbfgs-late 1.0 is disabled: {line}"
    ]
    names = [entry.name for entry in (*found.catalogue.optimizers, *found.catalogue.problems)]
    assert sorted(names) == sorted(BUILT_IN | {"walk", "valley"})


def test_optimizers_and_problems_may_share_a_name() -> None:
    found = add_plugins(built_in(), [read(data_file("w", optimizer="same", problem="same"))])
    assert not found.disabled
