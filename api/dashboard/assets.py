"""The files that the pages load, each at a URL that changes with its content."""

import functools
import hashlib
import importlib.metadata
import importlib.util
import re
from collections.abc import MutableMapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

HERE = Path(__file__).parent
STATIC = HERE / "static"

POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
"""The content security policy under which every page works, drawing and saving plots included."""

_A_YEAR = "public, max-age=31536000, immutable"
_GUARDED_STYLE = re.compile(r'getElementById\("([0-9a-f]{64})"\)')


@dataclass(frozen=True)
class Assets:
    """Where the pages' files are served."""

    own: str
    """URL prefix of the pages' own files."""
    plotly: str
    """URL prefix of plotly's file."""
    plotly_directory: Path
    guarded_style: str
    """The id of an element that keeps plotly from adding an inline style sheet for maps."""


class LastingFiles(StaticFiles):
    """Files whose URL names their version: a browser may keep them for a year."""

    async def get_response(self, path: str, scope: MutableMapping[str, Any]) -> Response:
        """The file, marked as one that never changes."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = _A_YEAR
        return response


@functools.cache
def assets() -> Assets:
    """The pages' files as they lie on disk now."""
    plotly = _plotly_directory()
    found = _GUARDED_STYLE.search((plotly / "plotly.min.js").read_text(encoding="utf-8"))
    return Assets(
        own=f"/static/{_digest(STATIC)}",
        plotly=f"/static/plotly-{importlib.metadata.version('plotly')}",
        plotly_directory=plotly,
        guarded_style=found.group(1) if found else "no-guarded-style",
    )


def mount_static(app: FastAPI) -> None:
    """Serve the pages' own files and plotly's at their versioned URLs."""
    files = assets()
    app.mount(files.own, LastingFiles(directory=STATIC), name="static")
    app.mount(files.plotly, LastingFiles(directory=files.plotly_directory), name="plotly")


def _plotly_directory() -> Path:
    spec = importlib.util.find_spec("plotly")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("the pages need plotly: install the dependency group 'api'")
    return Path(spec.origin).parent / "package_data"


def _digest(directory: Path) -> str:
    """Twelve characters that change with any file below the directory."""
    digest = hashlib.sha256()
    for path in sorted(directory.rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(directory).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
