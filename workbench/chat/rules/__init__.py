"""The offline engine: English and Korean by a lexicon and rules.

What lives here: reading a turn without a network. Names, numbers and phrases of the lexicon are found in the line
(``marking``), it is cut into sentences and clauses (``sentences``), values are bound to fields (``binding``,
``resolving``), and the intent is decided (``engine``). What does not: applying anything.
"""

from workbench.chat.rules.engine import RulesEngine, asks_for

__all__ = ["RulesEngine", "asks_for"]
