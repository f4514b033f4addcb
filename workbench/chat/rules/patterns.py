"""The longer expressions of the rules, read from the lexicon.

What lives here: the reading. What does not: the expressions themselves (``lexicon/patterns.toml``): words of both
languages stand beside each other there, one alternative a line.
"""

from __future__ import annotations

import re

from workbench.chat.rules import lexicon


def read(module: str, name: str) -> re.Pattern[str]:
    """Return an expression of a module, its alternatives joined."""
    return re.compile(alternatives(module, name))


def alternatives(module: str, name: str) -> str:
    """Return the alternatives of an expression as one text, to be part of a longer one."""
    return "|".join(lexicon.table("patterns")[module][name])
