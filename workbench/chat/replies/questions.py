"""What is asked back, in words.

What lives here: the text of a question from its kind and its fields. What does not: deciding to ask (the engines, the
judge, the cards).
"""

from __future__ import annotations

from workbench.chat.cleaning import clean, clean_name
from workbench.chat.messages import named, say, shown
from workbench.chat.replies.legal import legal
from workbench.chat.turn import Language, Question, Situation


def question(asked: Question, situation: Situation, language: Language) -> str:
    """Return a question as text, with its choices.

    Args:
        asked: the question; only of the kind ``other`` its own text is used.
        situation: what the fields are now, and which datasets there are.
        language: of the person.
    """
    text = _text(asked, situation, language)
    if not asked.options:
        return text
    options = " / ".join(clean_name(option.label) for option in asked.options)
    return f"{text} {say('question.options', language, options=options)}"


def _text(asked: Question, situation: Situation, language: Language) -> str:
    about = [name for name in asked.about if name in situation.values]
    if asked.kind == "dataset":
        known = asked.options or situation.context.datasets
        return say("question.dataset" if known else "question.dataset_none", language)
    if asked.kind == "which" and len(about) > 1:
        return say("question.which", language, fields=", ".join(named(name, language) for name in about))
    if about and asked.kind != "other":
        return _amount(about[0], situation, language)
    text = clean(asked.text)  # only a model has words of its own here
    return say("question.gemini", language, text=text) if text else say("question.other", language)


def _amount(name: str, situation: Situation, language: Language) -> str:
    value = shown(name, situation.values[name], language)
    return say("question.amount", language, field=named(name, language), value=value, legal=legal(name, language))
