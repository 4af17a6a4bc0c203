"""Plotly figures that are also seen where no script runs. Importing it imports plotly: import it where one is made."""

import base64
from typing import Any

import plotly.graph_objects as go

from backtests.figures.files import png_file
from backtests.figures.picture import Picture
from backtests.figures.traces import traces_picture


class ShownFigure(go.Figure):  # type: ignore[misc]
    """A figure of plotly that a notebook keeps twice: for JupyterLab, and as an image for everything else.

    JupyterLab shows the interactive figure. A notebook that was converted to HTML or sent by mail has no script that
    could draw it: there the image is seen, with its alternative text.
    """

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None, **options: Any) -> dict[str, Any]:
        """The figure as plotly's renderers give it, with its image and its words beside that."""
        return self._bundle(traces_picture(self), **options)

    def _ipython_display_(self) -> None:
        """Show the figure in a cell."""
        from IPython.display import display

        seen = traces_picture(self)
        image = {"alt": f"{seen.title}. {seen.alt}", "width": round(seen.width)}
        display(self._bundle(seen), raw=True, metadata={"image/png": image})

    def _bundle(self, seen: Picture, **options: Any) -> dict[str, Any]:
        image = base64.b64encode(png_file(seen)).decode("ascii")
        interactive: dict[str, Any] = super()._repr_mimebundle_(**options)
        return {**interactive, "image/png": image, "text/plain": f"{seen.title}. {seen.alt}"}
