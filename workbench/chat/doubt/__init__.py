"""Whether the words that a model quotes carry the change that it makes of them.

What lives here: taking the quoted words away where they do not name the number, serve another field as well, or deny
the wish; what is left without words is a suggestion at most. What does not: whether words stand in the text
(``judge``), and doubting the rules, which bind a number where they find it.
"""

from workbench.chat.doubt.doubting import doubted

__all__ = ["doubted"]
