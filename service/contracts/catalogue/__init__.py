"""What there is to compare: every problem and optimizer with its settings, bounds and space."""

from service.contracts.catalogue.book import Catalogue, built_in
from service.contracts.catalogue.contenders import Contender, check, resolve
from service.contracts.catalogue.discovery import installed, look
from service.contracts.catalogue.entries import OptimizerEntry, PluginOrigin, ProblemEntry
from service.contracts.catalogue.plugins import DisabledPlugin, Installed, Plugin
from service.contracts.catalogue.setting import Setting

__all__ = [
    "Catalogue",
    "Contender",
    "DisabledPlugin",
    "Installed",
    "OptimizerEntry",
    "Plugin",
    "PluginOrigin",
    "ProblemEntry",
    "Setting",
    "built_in",
    "check",
    "installed",
    "look",
    "resolve",
]
