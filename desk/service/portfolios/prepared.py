"""What each limited process would do first, done once in the process from which they are forked, as it imports this.

Readers of settings and the shipped market are made at the first portfolio that is read: a sixth of the work is left.
"""

import gc
from contextlib import suppress

from desk.service.portfolios import figures, validation
from foundation.errors import ConfigError, DataError
from research.portfolio import load_portfolio

__all__ = ["figures", "validation"]

with suppress(ConfigError, DataError):  # a server may be without the shipped files
    load_portfolio(validation.DATA / "portfolios" / "sixty_forty.yaml", trust_code=False)
gc.freeze()  # so that forked processes share its memory
