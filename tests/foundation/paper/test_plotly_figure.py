"""Interactive figures of notebooks keep an image: it shows the figure's own numbers, and survives a conversion."""

import base64
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from browser import browse

from backtests.runs.notebook import execute_notebook
from backtests.sheets.notebook.interactive import dress, probability_plot
from backtests.sheets.notebook.interactive_learning import gap_plot, replay_plot
from foundation.paper.plotly_figure import ShownFigure
from foundation.paper.svg import LIGHT
from foundation.paper.traces import traces_picture

DAYS = pd.bdate_range("2020-01-01", periods=500)
CELLS = (
    "import numpy as np\nimport pandas as pd\n"
    "from backtests.sheets.notebook.interactive import probability_plot\n"
    "from backtests.sheets.notebook.interactive_learning import gap_plot",
    'days = pd.bdate_range("2020-01-01", periods=500)\n'
    'wave = pd.DataFrame({"one": np.linspace(0.0, 1.0, 500), "other": 0.5}, index=days)\n'
    'probability_plot(wave, "Turbulence")',
    'seeds = pd.DataFrame({"learner": ["ppo", "sac"], "gap": [0.01, 0.2], "lower": 0.008, "upper": 0.3})\n'
    "gap_plot(seeds.assign(seed=1, seconds=2.0))",
)
SEEN = """<script>onload = () => { const found = document.createElement('pre');
found.textContent = JSON.stringify([...document.querySelectorAll('img')].map(i => [i.naturalWidth, i.width, i.height]));
document.body.append(found); }</script>"""


def lines() -> ShownFigure:
    """Two curves over days, one of them dashed, with names."""
    figure = ShownFigure()
    up, flat = {"color": LIGHT["sky"]}, {"color": LIGHT["orange"], "dash": "11.55px,4.62px", "width": 2.1}
    for name, line, y in (("up", up, np.linspace(0.0, 3.0, 500)), ("flat", flat, np.ones(500))):
        figure.add_scatter(x=DAYS, y=y, name=name, mode="lines", line=line)
    return dress(figure, "Up and flat", "close", "units")


def test_a_figure_shows_as_plotly_and_as_an_image_with_its_words() -> None:
    bundle = lines()._repr_mimebundle_()
    image, words = re.fullmatch(r'<img src="data:image/png;base64,(.*?)" alt="(.*?)" .*>', bundle["text/html"]).groups()
    assert base64.b64decode(image).startswith(b"\x89PNG")
    assert "image/png" not in bundle  # JupyterLab would show it, unscaled, in place of the figure
    assert bundle["text/plain"] == "Up and flat. units by close. Ends: up 3.00; flat 1.00."
    assert words == bundle["text/plain"]
    assert json.loads(lines().to_json())["layout"]["title"]["text"] == "Up and flat"


def test_the_image_has_the_numbers_of_the_figure() -> None:
    assert traces_picture(lines()).data.groupby("name")["y"].last().to_dict() == {"up": 3.0, "flat": 1.0}
    changed = traces_picture(lines().update_traces(y=np.full(500, 7.0)))
    assert changed.data["y"].eq(7.0).all()
    assert "up 7.00" in changed.alt


def test_the_image_has_the_colours_and_dashes_of_the_figure() -> None:
    page = traces_picture(lines()).wide
    assert "stroke:var(--sky)" in page
    assert "stroke:var(--orange)" in page
    assert "stroke-dasharray:11.55,4.62" in page


@pytest.mark.parametrize("name", ["gap", "replay", "probability"])
def test_each_kind_of_figure_has_a_picture(name: str) -> None:
    wave = 0.06 + 0.01 * np.sin(np.arange(500) / 20.0)
    table = pd.DataFrame({"lower": 0.05, "upper": 0.07, "target": 0.06, "weight": wave, "traded": False}, index=DAYS)
    table.iloc[[10, 490], -1] = True
    gaps = pd.DataFrame(
        {"learner": ["a", "b"], "gap": [0.1, 0.2], "lower": 0.05, "upper": 0.3, "seed": 1, "seconds": 1.0}
    )
    made = {
        "gap": lambda: gap_plot(gaps),
        "replay": lambda: replay_plot(table, "SPY"),
        "probability": lambda: probability_plot(pd.DataFrame({"one": wave, "other": 0.5}, index=DAYS), "Turbulence"),
    }[name]()
    found = traces_picture(made)
    words = {
        "gap": ["a", "b", "J above, % (log scale)"],
        "replay": ["target", "SPY", "traded"],
        "probability": ["one", "other"],
    }
    for word in words[name]:
        assert re.search(rf">{re.escape(word)}<", found.wide), word
    assert "<path" in found.wide


def test_a_converted_notebook_shows_every_picture_without_network(tmp_path: Path) -> None:
    import nbformat
    from nbconvert import HTMLExporter

    story = nbformat.v4.new_notebook()
    story["cells"] = [nbformat.v4.new_code_cell(source) for source in CELLS]
    story["cells"].insert(0, nbformat.v4.new_code_cell("size: int = 1  # nothing", metadata={"tags": ["parameters"]}))
    nbformat.write(story, tmp_path / "story.ipynb")
    execute_notebook(tmp_path / "story.ipynb", tmp_path / "executed.ipynb", {})
    cells = json.loads((tmp_path / "executed.ipynb").read_text(encoding="utf-8"))["cells"]
    figures = "application/vnd.plotly.v1+json"
    shown = [out["data"] for cell in cells for out in cell.get("outputs", []) if figures in out.get("data", {})]
    assert ['width="940"' in "".join(data["text/html"]) for data in shown] == [True, True]
    page, _ = HTMLExporter().from_filename(str(tmp_path / "executed.ipynb"))
    (tmp_path / "page.html").write_text(page.replace("</body>", f"{SEEN}</body>"), encoding="utf-8")
    offline = ("--host-resolver-rules=MAP * ~NOTFOUND", "--window-size=1200,2000")
    dom = browse(tmp_path, *offline, "--dump-dom", (tmp_path / "page.html").as_uri())
    sizes = json.loads(re.findall(r"<pre>(\[\[.*?\]\])</pre>", dom)[-1])
    assert len(sizes) == 2
    for natural, width, height in sizes:
        assert natural == 1960
        assert 600 < width <= 980
        assert height > 100
