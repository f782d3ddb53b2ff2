"""Finds the plug-ins among the installed packages, without importing one of them."""

import importlib.util
import logging
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from service.contracts.catalogue.book import Catalogue, built_in
from service.contracts.catalogue.plugins import (
    DisabledPlugin,
    Installed,
    Plugin,
    PluginRefused,
    add_plugins,
    read_plugin,
)

GROUP = "kbfgs.plugins"
"""The entry points of this group name a plug-in's package; they are read, never loaded."""
FILE = "kbfgs_plugin.toml"
"""Lies in that package."""

logger = logging.getLogger(__name__)


def installed() -> Catalogue:
    """The built-ins and what the installed plug-ins bring; a broken plug-in is a line in the log.

    Asked again, it looks again: in a long-lived process, once is right.
    """
    found = look()
    for plugin in found.disabled:
        logger.warning("%s", plugin)
    return found.catalogue


def look() -> Installed:
    """What is installed, the broken plug-ins with the reason.

    Plug-ins are taken in the order of their distributions' names, so that every machine with
    the same ones settles a quarrel about a name alike.
    """
    return add_plugins(built_in(), _found())


def _found() -> Iterator[Plugin | DisabledPlugin]:
    names = set(filter(None, map(_carrier, metadata.distributions())))
    for name in sorted(names, key=str.lower):
        yield from _plugins_of(name, metadata.distribution(name))


def _carrier(distribution: metadata.Distribution) -> str | None:
    """Its name, where it has entry points of the group; all others are not even parsed."""
    try:
        points = distribution.read_text("entry_points.txt") or ""
        return distribution.name if f"[{GROUP}]" in points else None
    except (KeyError, TypeError, UnicodeDecodeError):  # what is left of a broken uninstallation
        return None


def _plugins_of(
    name: str, distribution: metadata.Distribution
) -> Iterator[Plugin | DisabledPlugin]:
    """The plug-ins of the distribution that is first on the path under this name."""
    version = str(distribution.version)
    try:
        packages = [point.value for point in distribution.entry_points.select(group=GROUP)]
    except (TypeError, ValueError):
        yield DisabledPlugin(
            distribution=name, version=version, reason="its entry_points.txt cannot be read"
        )
        return
    for package in packages:
        try:
            yield read_plugin(_data_of(package), distribution=name, version=version)
        except PluginRefused as error:
            yield DisabledPlugin(distribution=name, version=version, reason=str(error))


def _data_of(package: str) -> str:
    """The text of the data file in a package.

    The import system says where the package lies, for editable installs too. Of a top-level
    package it does so without running it, of one inside another not.

    Raises:
        PluginRefused: If there is no such package or no readable file in it.
    """
    if not package.isidentifier():
        raise PluginRefused(f"its entry point must name a top-level package, got {package!r}")
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        raise PluginRefused(f"its package {package} is not there")
    for folder in spec.submodule_search_locations or ():
        path = Path(folder) / FILE
        if path.is_file():
            return _text(path)
    raise PluginRefused(f"its package {package} has no {FILE}")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise PluginRefused(f"{FILE} is not text in UTF-8") from None
    except OSError as error:
        raise PluginRefused(f"{FILE} cannot be read: {error.strerror}") from error
