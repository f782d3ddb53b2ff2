"""The ready comparisons that come with the product, one YAML file each."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from pathlib import Path

from service.contracts.catalogue import Catalogue
from service.contracts.documents import read_document
from service.contracts.templates import TemplateView
from service.domain.planning import read_spec
from service.domain.previews import preview

FOLDER = Path(__file__).parents[1] / "templates"


@dataclass(frozen=True)
class Templates:
    """What may be asked of templates."""

    catalogue: Catalogue

    @cached_property
    def all(self) -> tuple[TemplateView, ...]:
        """All of them, the cheapest first."""
        return tuple(sorted(self._read(), key=lambda template: template.epochs))

    def _read(self) -> Iterator[TemplateView]:
        for path in FOLDER.glob("*.yaml"):
            text = path.read_text(encoding="utf-8")
            spec = read_spec(read_document(text), self.catalogue)
            planned = preview(spec, self.catalogue)
            yield TemplateView(
                name=path.stem,
                title=spec.name,
                summary=_remark(text),
                trials=planned.trials,
                epochs=planned.epochs,
                text=text,
                spec=spec,
            )


def _remark(text: str) -> str:
    """The comment that a file begins with."""
    lines = takewhile(lambda line: line.startswith("#"), text.splitlines())
    return " ".join(line.lstrip("# ") for line in lines)
