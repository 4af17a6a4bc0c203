"""Text on any terminal: no control characters, and plain ASCII signs where the terminal's encoding lacks a sign."""

import codecs
import re
from typing import TextIO

# Control characters but newline and tab, and what turns the direction of text.
UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
ASCII = "ascii signs"  # the name under which codecs know `_in_ascii`
SIGNS = {
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


def printable(text: str) -> str:
    r"""The text with each control character as its escape, newlines and tabs aside: a terminal obeys none of it.

    Characters that turn the direction of text are escaped too: they could show a number backwards.

    >>> printable("\x1b[31mred\x1b[0m")
    '\\x1b[31mred\\x1b[0m'
    """
    return UNSAFE.sub(_escaped, text)


def print_anywhere(stream: TextIO) -> None:
    """Have a stream write what its encoding lacks in ASCII signs, where it would raise UnicodeEncodeError."""
    if hasattr(stream, "reconfigure"):  # what replaces a stream in a notebook or a test has no encoding of its own
        stream.reconfigure(errors=ASCII)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    """As codecs ask for it: signs that stand for those that could not be encoded, and where to go on."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(SIGNS.get(sign, "?") for sign in lacking), error.end


codecs.register_error(ASCII, _in_ascii)
