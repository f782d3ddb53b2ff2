"""The text of a spec, in JSON or YAML, as plain values; needs PyYAML, so only edges import it."""

import re
from collections.abc import Hashable
from typing import Any

import yaml


class DocumentError(ValueError):
    """The text is neither JSON nor YAML; the message names the line where there is one."""


class _Loader(yaml.SafeLoader):
    """Safe YAML with the numbers of YAML 1.2, unique keys and no aliases.

    YAML 1.1 takes ``1e-3`` for a word. Aliases let a short text stand for a huge value.
    """

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.constructor.ConstructorError(None, None, "aliases are not allowed", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        earlier: list[Any] = []
        for key, _ in node.value:
            if key.value in earlier:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key.value!r} is given twice", key.start_mark
                )
            earlier.append(key.value)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+$"),
    list("-+.0123456789"),
)


def read_document(text: str) -> object:
    """The plain values that a JSON or YAML text stands for.

    Raises:
        DocumentError: Where it cannot be read, a key is given twice or an alias is used.
    """
    try:
        value: object = yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise DocumentError(f"{where}{error.problem or error.context}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise DocumentError(str(error).splitlines()[0]) from error
    return value
