"""Text on any terminal: no control characters, and plain ASCII signs where the terminal's encoding lacks a sign."""

import codecs
import unicodedata
from typing import TextIO

UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")  # Unicode categories of what is not printed, or begins a line
JOINERS = "\u200c\u200d"  # which letters of some scripts, and emoji, need
ASCII = "ascii signs"  # the name under which codecs know `_in_ascii`
REPLACED_SIGNS = {
    **dict.fromkeys("–—−‐‑─", "-"),
    **dict.fromkeys("“”„«»", '"'),
    **dict.fromkeys("‘’", "'"),
    **dict.fromkeys("\u00a0\u2009\u202f", " "),
    "…": "...",
    "×": "x",
    "·": ".",
    "≤": "<=",
    "≥": ">=",
    "≈": "~",
    "±": "+/-",
    "→": "->",
    "←": "<-",
    "↑": "^",
    "↓": "v",
    "▸": ">",
    "◂": "<",
    "²": "2",
    "│": "|",
    "█": "#",
}


def has_unseen(text: str) -> bool:
    """True if a text has characters that are not printed: line breaks, control, escape and format characters."""
    return not text.isprintable() and any(unicodedata.category(c) in UNSEEN and c not in JOINERS for c in text)


def printable(text: str) -> str:
    r"""The text with each character that is not printed as its escape, newlines and tabs aside: a terminal obeys none.

    >>> printable("\x1b[31mred\x1b[0m")
    '\\x1b[31mred\\x1b[0m'
    """
    return "".join(c if c in "\n\t" or not has_unseen(c) else repr(c)[1:-1] for c in text)


def print_anywhere(stream: TextIO) -> None:
    """Make a stream write ASCII signs for characters that its encoding lacks, instead of a UnicodeEncodeError."""
    if hasattr(stream, "reconfigure"):  # what replaces a stream in a notebook or a test has no encoding of its own
        stream.reconfigure(errors=ASCII)


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    """An error handler of codecs: signs for those that could not be encoded, and the place to go on."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(REPLACED_SIGNS.get(sign, "?") for sign in lacking), error.end


codecs.register_error(ASCII, _in_ascii)
