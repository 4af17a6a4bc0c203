"""The three ways in which input can be wrong. Each message says what, where, the value found, and how to fix it."""


class DataError(ValueError):
    """What came in is wrong: a file, a date, a price, a name."""


class ConfigError(ValueError):
    """What was asked is wrong: a setting, a key, a parameter."""


class PolicyError(ValueError):
    """What a policy returned cannot be booked: weights that are not finite, of the wrong length, past a limit."""
