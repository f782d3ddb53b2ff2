"""The Jinja environment of the pages: everything is escaped, an unknown name is an error."""

import functools
from datetime import UTC, datetime

import yaml
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from api.dashboard import standing, wording
from api.dashboard.assets import HERE, assets
from service.contracts import numbers
from service.contracts.spec import ComparisonSpec
from service.contracts.views import ComparisonView
from service.exports.palette import contender_colours

THEMES = ("system", "light", "dark")
THEME_COOKIE = "kbfgs_theme"


@functools.cache
def environment() -> Environment:
    """The templates with the filters and functions that they use."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "ago": wording.ago,
        "axes": wording.axes,
        "colours": colours,
        "counted": numbers.counted,
        "dot": dot,
        "duration": numbers.duration,
        "loss": numbers.loss,
        "metric": wording.metric_value,
        "metric_span": wording.metric_span,
        "number": numbers.number,
        "of_all": numbers.of_all,
        "p_value": numbers.p_value,
        "ratio_span": wording.ratio_span,
        "reach": wording.reach,
        "score": numbers.score,
        "score_span": wording.score_span,
        "setting": numbers.setting,
        "settings": numbers.settings,
        "size": numbers.size,
        "span": wording.span,
        "spec": spec_text,
        "times": numbers.times,
        "utc": utc,
        "with_span": wording.with_span,
    }
    made.policies["json.dumps_kwargs"] = {"sort_keys": False}
    made.tests["decidable"] = standing.is_decidable
    made.globals |= {
        "assets": assets,
        "client": wording.CLIENT,
        "is_live": standing.is_live,
        "leader": standing.leader,
        "outcomes": wording.OUTCOMES,
        "silent_seconds": standing.silent_seconds,
    }
    return made


def render(request: Request, template: str, *, status: int = 200, **values: object) -> HTMLResponse:
    """A page or a part of one, with the reader's theme and the time at which it was made."""
    theme = request.cookies.get(THEME_COOKIE, "system")
    text = (
        environment()
        .get_template(template)
        .render(
            theme=theme if theme in THEMES else "system",
            now=datetime.now(UTC),
            path=request.url.path,
            **values,
        )
    )
    return HTMLResponse(text, status_code=status, headers={"Cache-Control": "no-store"})


def colours(view: ComparisonView) -> dict[str, str]:
    """Each contender's colour, by its name."""
    return contender_colours({entry.name: entry.optimizer for entry in view.contenders})


def dot(colour: str) -> Markup:
    """A dot of that colour; without a style attribute, which the policy forbids."""
    return Markup(
        '<svg class="dot" viewBox="0 0 10 10" aria-hidden="true">'
        '<circle cx="5" cy="5" r="5" fill="{}"/></svg>'
    ).format(colour)


def spec_text(spec: ComparisonSpec) -> str:
    """The whole spec, defaults included, as YAML that can be submitted again."""
    document = spec.model_dump(mode="json", exclude_none=True)
    for contender in document["contenders"]:
        if not contender["settings"]:
            del contender["settings"]
    text = yaml.safe_dump(
        document, sort_keys=False, allow_unicode=True, default_flow_style=None, width=96
    )
    return str(text)


def utc(moment: datetime) -> str:
    """A moment as ISO-8601 in UTC, to the second."""
    return wording.aware(moment).isoformat(timespec="seconds").replace("+00:00", "Z")
