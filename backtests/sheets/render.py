"""The templates of sheets, filled."""

from functools import partial

from foundation.paper.render import fill

render = partial(fill, "backtests.sheets")
