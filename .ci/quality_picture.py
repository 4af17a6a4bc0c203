"""Draw docs/assets/data_quality.svg, the suspicious days of the embedded market `stocks_with_exit`.

    python .ci/quality_picture.py

A test fails where the picture is not that of today's check.
"""

from pathlib import Path

from backtests.sheets.pictures.data_quality import quality_picture
from foundation.paper.files import svg_file
from research.market import load_market
from research.market.quality import check_market

PICTURE = Path(__file__).parent.parent / "docs" / "assets" / "data_quality.svg"


def svg() -> str:
    """The picture."""
    return svg_file(quality_picture(check_market(load_market("stocks_with_exit"))))


if __name__ == "__main__":
    PICTURE.write_text(svg(), "utf-8")
