"""vectorbt's figures of one series as its source states them: compiling these takes a hundred times what they take."""

from types import SimpleNamespace

from vectorbt.returns import nb

vectorbt = SimpleNamespace(**{name: found.py_func for name, found in vars(nb).items() if name.endswith("_1d_nb")})
