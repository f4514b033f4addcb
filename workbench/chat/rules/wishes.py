"""What a person wants to be done: an action, and what it is done with.

What lives here: telling actions that are asked for from those that are only spoken of. What does not: changes of the
config (``binding``, ``resolving``), ways back (``returning``), questions (``questions``). An action needs its go word
in a sentence that asks for it; a question about an action, a story of one, and an action that is denied ("don't start
yet") are none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from workbench.chat.rules import patterns
from workbench.chat.rules.line import Line
from workbench.chat.rules.mention import Mention
from workbench.chat.rules.sentences import Clause, Sentence
from workbench.chat.turn import Intent, Target

_PRIORITY: Final[tuple[Intent, ...]] = ("restart", "resume", "stop", "export", "deploy", "start")
_EVERY: Final = ("onnx", "engine", "torchscript", "coreml", "litert")
_HAD_AS: Final = patterns.read("wishes", "had_as")
_PUT_OFF: Final = patterns.read("wishes", "put_off")
_NOT_YET: Final = patterns.read("wishes", "not_yet")
_TURNED: Final = patterns.read("wishes", "turned")
_TURNED_KOREAN: Final = patterns.read("wishes", "turned_korean")
_DENIED_KOREAN: Final = patterns.read("wishes", "denied_korean")
_BY_MYSELF: Final = patterns.read("wishes", "by_myself")
_CONDITION_BEFORE: Final = patterns.read("wishes", "condition_before")
_CONDITION_AFTER: Final = patterns.read("wishes", "condition_after")
_NOUN_AFTER: Final = patterns.read("wishes", "noun_after")
_HAPPENED: Final = patterns.read("wishes", "happened")
_HAPPENED_KOREAN: Final = patterns.read("wishes", "happened_korean")
_HAVE_DONE: Final = patterns.read("wishes", "have_done")
_ASKED_AFTER: Final = patterns.read("wishes", "asked_after")
_TIME_BEFORE: Final = patterns.read("wishes", "time_before")
_ENDPOINT: Final = re.compile(r"undeploy|endpoint|deploy|엔드 ?포인트|배포")
_NOUN_BEFORE: Final = patterns.read("wishes", "noun_before")
_ASKED_ABOUT: Final = patterns.read("wishes", "asked_about")
_ANOTHER_TIME: Final = patterns.read("wishes", "another_time")
_NOT_BEFORE: Final = patterns.read("wishes", "not_before")
_NOT_AFTER: Final = patterns.read("wishes", "not_after")
_BESIDE: Final = 4  # characters: 처음부터 다시 말고
_NEXT: Final = 6  # characters after an action in which it may be denied: 시작하지 말고
_NOUN: Final = 14  # characters after an action in which it may turn out to be a noun: start command


def actions(sentences: Sequence[Sentence], line: Line) -> list[Mention]:
    """Return the actions that are asked for, the weightiest first."""
    found = [
        mention
        for sentence in sentences
        if sentence.mood == "request"
        for clause in sentence.clauses
        for mention in (*clause.all("action"), *_had_as(clause, line))
        if not _denied(mention, sentence, line)
        and not _shows(clause)
        and not _told(mention, clause, line)
        and not _waits(mention, clause, sentence, line)
    ]
    return sorted(found, key=lambda mention: _PRIORITY.index(mention.value))


def _shows(clause: Clause) -> bool:
    """Return whether a verb of an action is said of what is to be shown: "도움말 띄워줘", "put up the list"."""
    about_model = clause.has("format") or clause.has("deployment") or clause.has("run")
    return clause.has("wish", "help", "list_datasets") and not about_model


def _had_as(clause: Clause, line: Line) -> list[Mention]:
    """Return the export that "can I get run-7 as onnx" asks for, or the deployment of "I need an endpoint"."""
    if clause.has("action"):
        return []
    for kind, action in (("format", "export"), ("deployment", "deploy")):
        for mention in clause.all(kind):
            if match := _HAD_AS.search(line.text[clause.start : mention.start]):
                return [Mention("action", action, clause.start + match.start(), mention.end)]
        if clause.has(kind):
            break  # "not as onnx on an endpoint"
    return []


def _denied(mention: Mention, sentence: Sentence, line: Line) -> bool:
    """Return whether an action is denied or put off."""
    text = line.text
    korean = not text[mention.start].isascii()
    return (
        any(_contrasts(mark, mention, text) for mark in sentence.all("mark", "not"))
        or any(_denies(mark, mention, sentence, text) for mark in sentence.all("mark", "deny"))
        or (korean and bool(_DENIED_KOREAN.search(text[mention.start : mention.end + _NEXT])))
        or bool(_BY_MYSELF.match(text[mention.end :]))
    )


def _contrasts(mark: Mention, mention: Mention, text: str) -> bool:
    """Return whether a Korean "not" stands behind the action: 시작 말고."""
    return not text[mark.start].isascii() and 0 <= mark.start - mention.end <= _BESIDE


def _denies(mark: Mention, mention: Mention, sentence: Sentence, text: str) -> bool:
    """Return whether a denial means the action.

    An English one stands before it ("don't start"); after it, it can only put it off ("start it later"). A Korean one
    stands after it (시작하지 마); before it, it can only put it off (아직 시작).
    """
    word = text[mark.start : mark.end]
    if word.isascii():
        denies = mark.end <= mention.start and not _TURNED.search(text[mark.end : mention.start])
        puts_off = mark.start >= mention.end and _PUT_OFF.match(word)
    else:
        between = text[mention.end : mark.start].strip()[:-1]
        denies = mark.start >= mention.start and not _TURNED_KOREAN.search(between)
        puts_off = mark.end <= mention.start and _NOT_YET.match(word)
    return denies or (bool(puts_off) and _together(mark, mention, sentence))


def _together(one: Mention, other: Mention, sentence: Sentence) -> bool:
    return any(
        clause.start <= one.start < clause.end and clause.start <= other.start < clause.end
        for clause in sentence.clauses
    )


def _waits(mention: Mention, clause: Clause, sentence: Sentence, line: Line) -> bool:
    """Return whether an action is what shall happen by itself: "stop if nothing improves", "안 좋아지면 멈춰"."""
    if sentence.has("mark", "no_progress"):
        return True
    before, after = line.text[sentence.start : mention.start], line.text[mention.end : sentence.end]
    at_another = _ANOTHER_TIME.search(line.text, clause.start, mention.start) or _ANOTHER_TIME.match(after)
    return bool(at_another or _CONDITION_BEFORE.search(before) or _CONDITION_AFTER.match(after))


def _told(mention: Mention, clause: Clause, line: Line) -> bool:
    """Return whether an action is only spoken of: as a noun, as done, in a story or a quote, as a time."""
    after = line.text[mention.end : mention.end + _NOUN]
    before, rest = line.text[clause.start : mention.start], line.text[mention.end : clause.end]
    return (
        bool(_NOUN_AFTER.match(after) or _NOUN_BEFORE.search(before) or _HAPPENED_KOREAN.match(after.lstrip()))
        or bool(_ASKED_ABOUT.search(rest))
        or _past(mention, clause, line)
        or _in_story(mention, clause, line)
        or clause.quoted
        or bool(_TIME_BEFORE.search(line.text[clause.start : mention.start]))
    )


def _past(mention: Mention, clause: Clause, line: Line) -> bool:
    """Return whether an English action is told of as done: "we deployed it", but not "get it deployed"."""
    done = _HAPPENED.search(line.text[mention.start : mention.end].split(" ")[0])
    return bool(done) and not _HAVE_DONE.search(line.text, clause.start, mention.start)


def _in_story(mention: Mention, clause: Clause, line: Line) -> bool:
    """Return whether a story begins before the action, and nothing after it asks: "last time it stopped"."""
    asked = clause.has_after("mark", mention.start, "request") or _ASKED_AFTER.search(
        line.text, mention.end, clause.end
    )
    return not asked and any(mark.start < mention.start for mark in clause.all("mark", "story"))


def target(intent: Intent, sentences: Sequence[Sentence], line: Line, refused: Sequence[Mention]) -> Target:
    """Return what an action is about: formats, a kind of deployment, a run."""
    mentions = [mention for sentence in sentences for mention in sentence.mentions if mention not in refused]
    runs = [str(mention.value) for mention in mentions if mention.kind == "run"]
    if intent == "compare":
        return Target(runs=tuple(dict.fromkeys(runs)))
    run = runs[-1] if runs else None
    deeds = [line.text[each.start : each.end] for each in mentions if each.kind == "action"]
    if intent == "stop" and any(map(_ENDPOINT.search, deeds)):
        return Target(deployment="endpoint")
    if intent in {"export", "explain", "ask"} and (formats := _formats(mentions, line)):
        return Target(formats=formats, run=run)
    kinds = [str(mention.value) for mention in mentions if mention.kind == "deployment"]
    if intent == "deploy" and kinds:
        return Target.model_validate({"deployment": kinds[-1], "run": run})
    return Target(run=run)


def _formats(mentions: Sequence[Mention], line: Line) -> tuple[str, ...]:
    """Return the formats that are wanted; "all" of them but those that are not."""
    formats = [mention for mention in mentions if mention.kind == "format"]
    unwanted = {str(mention.value) for mention in formats if _unwanted(mention, line)}
    wanted = tuple(dict.fromkeys(str(mention.value) for mention in formats if not _unwanted(mention, line)))
    return wanted if "all" not in wanted else tuple(name for name in _EVERY if name not in unwanted)


def _unwanted(mention: Mention, line: Line) -> bool:
    return bool(_NOT_BEFORE.search(line.text[: mention.start]) or _NOT_AFTER.match(line.text[mention.end :]))
