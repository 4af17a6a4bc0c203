"""Compilation is announced when it begins, and shows how far it is: nobody should take it for a program that hangs."""

from typing import Any

from numba.core import event

from foundation.compiled.content import EditedSince, called, name_of
from foundation.compiled.store import TURN, KernelStore, folders
from foundation.private_store import prune
from foundation.progress import bar, say


class _Notice(event.Listener):  # type: ignore[misc]
    """Hears of each kernel that is compiled; those that it calls are compiled within it."""

    def __init__(self) -> None:
        self.within: list[str] = []

    def on_start(self, event: Any) -> None:
        kernel = event.data["dispatcher"]
        if not self.within:
            if not isinstance(kernel._cache, KernelStore):  # of someone else
                return
            try:
                self.left = called(kernel)
            except EditedSince:  # it is compiled and not kept, and what it calls cannot be named
                self.left = {name_of(kernel.py_func)}
            others = f" and {len(self.left) - 1} kernels that it calls" if len(self.left) > 2 else ""
            say(f"Compiling {kernel.__name__}{others} for this machine, once.")
            self.told = bar(len(self.left), f"compiling {kernel.__name__}", "kernels")
            self.told.__enter__()
        self.within.append(name_of(kernel.py_func))

    def on_end(self, event: Any) -> None:
        if not self.within:
            return
        name = self.within.pop()
        if name in self.left:
            self.left.remove(name)
            self.told.update()
        if not self.within:
            self.told.__exit__()
            if event._exc_details is not None:  # it failed, and there is no code to keep
                TURN.give_back()
            prune(folders()[0])


def announce() -> None:
    """Announce compilations of this process from now on."""
    event.register("numba:compile", _Notice())
