"""Many runs at once: portfolio files times parameters, from the command line or from a file of its own."""

from desk.commands.batch.file import plan_of
from desk.commands.batch.make import make_batch

__all__ = ["make_batch", "plan_of"]
