"""Plotly figures that are also seen where no script runs. Importing it imports plotly."""

import base64
from html import escape
from typing import Any

import plotly.graph_objects as go

from foundation.paper.files import png_file, svg_file
from foundation.paper.traces import traces_picture
from foundation.quick_imports import without_grammars_of_addresses

FITS = "max-width: 100%; height: auto"


class ShownFigure(go.Figure):  # type: ignore[misc]
    """A figure of plotly that a notebook keeps twice: for JupyterLab, and as an image for everything else.

    JupyterLab shows the interactive figure. A notebook that was converted to HTML or sent by mail has no script that
    could draw it: there the image is seen, with its alternative text. It is kept as HTML, since plotly's extension of
    JupyterLab would show an image of the type image/png in place of the figure, in its own size, cut at the right.
    """

    _ipython_display_ = None  # a notebook takes `_repr_mimebundle_`; plotly's own would leave out the image

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None, **options: Any) -> dict[str, Any]:
        """The figure as plotly's renderers give it, with its image, which is no wider than its place, and its words."""
        seen = traces_picture(self)
        words, image = f"{seen.title}. {seen.alt}", base64.b64encode(png_file(svg_file(seen))).decode("ascii")
        with without_grammars_of_addresses():  # plotly's renderers import jsonschema
            interactive: dict[str, Any] = super()._repr_mimebundle_(include, exclude, **options)
        shown = (
            f'<img src="data:image/png;base64,{image}" alt="{escape(words)}" width="{seen.width:.0f}" style="{FITS}">'
        )
        return {**interactive, "text/html": shown, "text/plain": words}

    def _repr_html_(self) -> None:
        """Give nothing, where plotly would name a script on the network."""
