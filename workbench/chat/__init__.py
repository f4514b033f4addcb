"""The conversation that becomes a config, in English and Korean.

What lives here: the contract of a turn, two engines that fill it (``rules``, of our own and offline, and ``gemini``),
one judge that decides what of it is applied, the replies, and the conversation that keeps all of it. What does not:
starting anything (``workbench.conversations`` does, when a person has confirmed), and knowing datasets and runs by
itself: they are handed in as a plain ``Context``.
"""
