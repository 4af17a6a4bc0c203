"""Pictures as files: PNG and SVG that show what the page shows, whole, with the same bytes each time."""

import io
import struct
import warnings
import zlib
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from foundation.paper.charts.curves import Curve, curves
from foundation.paper.charts.panel import Axis, one_panel
from foundation.paper.files import (
    DOTS,
    FORMS,
    HEAD,
    MARGIN,
    PICTURES,
    picture_records,
    png_file,
    svg_file,
    write_pictures,
)
from foundation.paper.picture import Format, Picture, picture
from foundation.paper.styles import LineStyle
from foundation.paper.svg import LIGHT, Canvas

LOW, HIGH = "flat", "<high> & more"


def drawn(title: str = "Two curves") -> Picture:
    """A picture of every kind of element: a solid and a dotted curve, marks, areas, names, titles."""
    x = np.arange(50.0)
    data = pd.DataFrame({"x": x, LOW: 0.0, HIGH: x})

    def draw(f: Format) -> Canvas:
        panel = one_panel(f, 200.0, Axis(0.0, 49.0), Axis(0.0, 50.0))
        panel.title("Value", "in units")
        panel.x_grid([0.0, 20.0, 40.0])
        panel.y_grid([0.0, 25.0, 50.0])
        panel.band(10.0, 20.0, "wash")
        panel.area([30.0, 40.0], 0.0, 50.0, "red", 0.5)
        found = [
            Curve(LOW, x, data[LOW].to_numpy(), LineStyle("orange", (0, (1.3, 1.5)))),
            Curve(HIGH, x, data[HIGH].to_numpy(), LineStyle("sky", width=2.1, bold=True), points=6.0),
        ]
        curves(panel, found, f.width)
        return panel.canvas

    return picture("two", title, "One is flat.", "Two curves.", data, draw)


def pixels(png: bytes) -> np.ndarray:
    """(rows, columns, 3) colours, 0 to 255."""
    return np.round(255.0 * imread(io.BytesIO(png))[:, :, :3]).astype(int)


def shade(name: str) -> list[int]:
    return [int(LIGHT[name][k : k + 2], 16) for k in (1, 3, 5)]


def share(found: np.ndarray, name: str) -> float:
    """Part of the pixels that have a colour of the page, to a few steps."""
    return float((np.abs(found - shade(name)).max(axis=2) < 8).mean())


def test_a_png_is_twice_the_picture_with_its_margins_and_title() -> None:
    found = pixels(png_file(svg_file(drawn())))
    assert found.shape == (DOTS * (30.0 + 200.0 + 24.0 + HEAD + MARGIN), DOTS * (940.0 + 2 * MARGIN), 3)
    assert found[0, 0].tolist() == found[-1, -1].tolist() == shade("paper")
    assert (found[: round(DOTS * HEAD)] != shade("paper")).any(), "the title stands above"


def test_a_png_shows_curves_areas_and_letters_in_the_colours_of_the_page() -> None:
    found = pixels(png_file(svg_file(drawn())))
    for name in ("orange", "sky", "wash", "ink", "rule"):
        assert share(found, name) > 1e-4, name
    assert share(found, "green") == 0.0


def test_a_curve_in_a_png_is_where_it_is_on_the_page() -> None:
    """The steep curve begins at the lower left of its panel (px 44, 230) and ends at the upper right."""
    sky = np.abs(pixels(png_file(svg_file(drawn()))) - shade("sky")).max(axis=2) < 8
    left, right = 44.0, 940.0 - 212.0
    for x, y in (
        (left, 230.0),
        ((left + right) / 2.0, 230.0 - 200.0 * 24.5 / 50.0),
        (right, 230.0 - 200.0 * 49 / 50.0),
    ):
        row, column = round(DOTS * (y + HEAD)), round(DOTS * (x + MARGIN))
        assert sky[row - 6 : row + 7, column - 6 : column + 7].any(), (x, y)
    assert not sky[round(DOTS * (HEAD + 40.0)) : round(DOTS * (HEAD + 60.0)), : round(DOTS * (MARGIN + 200.0))].any()


def test_what_leaves_a_panel_is_cut_in_a_png_too() -> None:
    def draw(f: Format) -> Canvas:
        panel = one_panel(f, 100.0, Axis(0.0, 1.0), Axis(0.0, 1.0))
        panel.curve([0.5, 0.5], [-9.0, 9.0], "green", 4.0)
        return panel.canvas

    found = pixels(png_file(svg_file(picture("cut", "", "", "", pd.DataFrame(), draw))))
    rows = np.flatnonzero((np.abs(found - shade("green")).max(axis=2) < 8).any(axis=1)) / DOTS - HEAD
    assert rows.min() >= 29.0
    assert rows.max() <= 131.0


def test_the_same_picture_gives_the_same_bytes_without_a_date() -> None:
    assert png_file(svg_file(drawn())) == png_file(svg_file(drawn()))
    assert svg_file(drawn()) == svg_file(drawn())
    png, kinds, at = png_file(svg_file(drawn())), [], 8
    while at < len(png):
        size, kind = struct.unpack(">I4s", png[at : at + 8])
        assert zlib.crc32(png[at + 4 : at + 8 + size]) == struct.unpack(">I", png[at + 8 + size : at + 12 + size])[0]
        kinds.append(kind)
        at += 12 + size
    assert set(kinds) <= {b"IHDR", b"pHYs", b"IDAT", b"IEND"}


def test_an_svg_stands_alone_and_says_what_it_shows() -> None:
    text = svg_file(drawn("Less < more & so on"))
    root = ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root[0].text == "Less < more & so on"
    assert root[1].text == "Two curves."
    assert "var(" not in text
    assert "http" not in text.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert any(HIGH in (node.text or "") for node in root.iter("{http://www.w3.org/2000/svg}text"))


def test_each_picture_is_written_as_numbers_and_as_svg(tmp_path: Path) -> None:
    write_pictures(tmp_path, [drawn()])
    folder = tmp_path / PICTURES
    assert sorted(path.name for path in folder.iterdir()) == ["two.csv", "two.svg"]
    assert pd.read_csv(folder / "two.csv")["x"].tolist() == list(range(50))
    assert (folder / "two.svg").read_text(encoding="utf-8") == svg_file(drawn())


def test_names_in_another_script_leave_the_filters_of_warnings_as_they_were() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        before = list(warnings.filters)
        png_file(svg_file(drawn("\u6295\u8cc7")))
        assert warnings.filters == before


def test_a_sheet_says_where_the_files_of_its_pictures_are(tmp_path: Path) -> None:
    write_pictures(tmp_path, [drawn()])
    (record,) = picture_records([drawn()]).values()
    assert all((tmp_path / record[form]).is_file() for form in FORMS)
    assert len(list(tmp_path.rglob("*.*"))) == len(FORMS)


def test_an_element_that_pictures_do_not_have_is_no_gap_in_silence() -> None:
    known = drawn()
    odd = Picture("odd", "", "", "", known.data, lambda f: known.drawn(f).replace("</svg>", "<image/></svg>"))
    with pytest.raises(KeyError, match="image"):
        png_file(svg_file(odd))
