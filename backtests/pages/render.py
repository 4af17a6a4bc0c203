"""The templates of the house, filled: each page brings its own style, in light and dark."""

from functools import cache
from typing import TYPE_CHECKING, Any

from backtests.figures.svg import DARK, LIGHT

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, **content: Any) -> str:
    """A template of the house with its style and `content`."""
    from markupsafe import Markup

    themes = [Markup(" ".join(f"--{name}: {colour};" for name, colour in theme.items())) for theme in (LIGHT, DARK)]
    css = _templates().get_template("sheet.css.j2").render(light=themes[0], dark=themes[1])
    page = _templates().get_template(template)
    return page.render(css=Markup(css), paper=(LIGHT["paper"], DARK["paper"]), **content).lstrip()


@cache
def _templates() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("backtests.pages", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
