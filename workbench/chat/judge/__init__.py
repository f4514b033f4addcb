"""The judge: one validator of a turn for both engines, for the form, and for a click on a suggestion.

What lives here: which wishes are the user's own words, which are legal, and what follows from them. What does not:
understanding a text (the engines), keeping what was decided (``config.patch``, the log), and saying it (``replies``).
"""

from workbench.chat.judge.judging import judge, judge_edit, judge_ops
from workbench.chat.judge.questions import amount_question
from workbench.chat.judge.verdict import NOTE_KEYS, REASONS, Note, Refusal, Verdict

__all__ = [
    "NOTE_KEYS",
    "REASONS",
    "Note",
    "Refusal",
    "Verdict",
    "amount_question",
    "judge",
    "judge_edit",
    "judge_ops",
]
