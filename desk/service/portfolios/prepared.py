"""Done once where limited processes are forked from, which imports this: what each of them would do first.

Readers of settings and the shipped market are made as the first portfolio is read: a fifth of the work is left.
"""

import gc
from contextlib import suppress

from desk.service.portfolios import figures, panels, validation
from foundation.errors import ConfigError, DataError
from research.portfolio import load_portfolio

__all__ = ["figures", "panels", "validation"]

with suppress(ConfigError, DataError):  # a server may be without the shipped files
    load_portfolio(validation.SHIPPED_FILES / "portfolios" / "sixty_forty.yaml", trust_code=False)
gc.freeze()  # so that forked processes share its memory
