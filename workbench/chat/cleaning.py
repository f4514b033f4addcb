"""What people and files wrote, made fit to be read: no orders to a terminal, nothing that turns the text round.

What lives here: the cleaning of text at the door. What does not: its meaning.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

LONGEST: Final = 4000  # characters of one turn: nobody types more, and a paste of 100 kB is no request
NAME_LONGEST: Final = 80
_ORDERS: Final = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])"
)  # whole escape sequences
_JOINERS: Final = "\u200d\ufe0f"  # they belong to emoji


def clean(text: str) -> str:
    """Return ``text`` without control, bidirectional and other invisible characters; lines and tabs become blanks."""
    text = _ORDERS.sub(" ", text)
    kept = (" " if char in "\n\r\t" else char for char in text if _visible(char))
    return " ".join("".join(kept).split())


def clean_lines(text: str) -> str:
    """Return ``text`` cleaned line by line; empty lines are left out."""
    return "\n".join(line for line in map(clean, text.splitlines()) if line)


def clean_name(name: str) -> str:
    """Return a name of a dataset, class, run or file as it may be shown or sent: cleaned, at most 80 characters."""
    plain = clean(name)
    return plain if len(plain) <= NAME_LONGEST else f"{plain[: NAME_LONGEST - 1]}…"


def folded(text: str) -> str:
    """Return the form in which two texts are compared: NFKC, lower case, single blanks."""
    return " ".join(unicodedata.normalize("NFKC", clean(text)).casefold().split())


def _visible(char: str) -> bool:
    return char in "\n\r\t" or char in _JOINERS or unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn"}
