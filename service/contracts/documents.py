"""The text of a spec, in JSON or YAML, as plain values; needs PyYAML, so only edges import it."""

import json
import re
from collections.abc import Hashable
from typing import Any

import yaml

LARGEST_INTEGER_BITS = 1024
"""A longer whole number is larger than any float, and Python may refuse to write it down."""


class DocumentError(ValueError):
    """The text is neither JSON nor YAML; the message names the line where there is one."""


class _Loader(yaml.SafeLoader):
    """Safe YAML with the numbers of YAML 1.2, unique keys, and neither aliases nor tags.

    YAML 1.1 takes ``1e-3`` for a word. Aliases let a short text stand for a huge value; a tag
    makes its reader build what the text cannot be, and stumble.
    """

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.events.AliasEvent):
            raise _refusal("aliases are not allowed", event.start_mark)
        if getattr(event, "tag", None) is not None:
            raise _refusal("tags are not allowed", event.start_mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        earlier: set[str] = set()
        for key, _ in node.value:
            if key.tag not in _NAMES:
                raise _refusal("a name must be a word", key.start_mark)
            if key.value in earlier:
                raise _refusal(f"{key.value!r} is given twice", key.start_mark)
            earlier.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:
        """The text with JSON's pairs of halves, "\\ud83d\\ude00", as the characters they are."""
        text = super().construct_scalar(node)
        if not isinstance(text, str) or text.isascii():
            return text
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        value = int(super().construct_yaml_int(node))
        if value.bit_length() > LARGEST_INTEGER_BITS:
            raise _refusal("a number has too many digits", node.start_mark)
        return value


_NAMES = frozenset(f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null"))


def _refusal(problem: str, mark: Any) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, problem, mark)


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+$"),
    list("-+.0123456789"),
)


def read_document(text: str) -> object:
    """The plain values that a JSON or YAML text stands for.

    Raises:
        DocumentError: Where it cannot be read, a key is given twice, or an alias or a tag is used.
    """
    try:
        value: object = yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise DocumentError(f"{where}{error.problem or error.context}") from error
    except RecursionError as error:
        raise DocumentError("the document is nested too deeply") from error
    except (yaml.YAMLError, ValueError) as error:
        raise DocumentError(str(error).splitlines()[0]) from error
    refuse_halves(value)
    return value


def refuse_halves(value: object) -> None:
    """Refuse text that no encoding can write down: JSON and YAML can say half a character.

    Raises:
        DocumentError: Naming the half.
    """
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError as error:
        half = ord(error.object[error.start])
        raise DocumentError(f"U+{half:04X} is half a character") from error
