"""Korean particles, which depend on how the word before them ends when it is read aloud.

What lives here: telling that end for Hangul, digits and Latin words, and the pairs of particles. What does not:
sentences. Latin words are read as a Korean engineer reads them: capitals and words without a vowel by their letters
(SGD, pt), the others as words (model, train).
"""

from __future__ import annotations

import re
from typing import Final, Literal

Ending = Literal["vowel", "rieul", "consonant"]

_PAIRS: Final = (
    *(("은", "는"), ("이", "가"), ("을", "를"), ("과", "와"), ("으로", "로"), ("이에요", "예요"), ("이었", "였")),
    *(("이라", "라"), ("이라는", "라는"), ("이라고", "라고"), ("이란", "란"), ("이나", "나"), ("이며", "며")),
)
PARTICLES: Final = {form: pair for pair in _PAIRS for form in pair}

_DIGITS: Final = {**dict.fromkeys("178", "rieul"), **dict.fromkeys("036", "consonant")}
_LETTERS: Final = {**dict.fromkeys("LR", "rieul"), **dict.fromkeys("MN", "consonant")}
_CLOSING: Final = " \t\n\"'”’」』»>`.,:;!?…"
_ASIDE: Final = re.compile(r"(?<=\S)\s*\([^()]*\)$")
_WORD: Final = re.compile(r"[A-Za-z]+$")
_STOPPED: Final = re.compile(r"(ng|ck|[aeiou][mn]e|[mn]|[^aeiou][aeiou][bpt]|o[ou]t)$")
_SYLLABLES: Final = range(0xAC00, 0xD7A4)
_RIEUL: Final = 8  # its place among the 28 ends of a syllable; 0 is none


def attach(word: str, particle: str) -> str:
    """Return ``word`` with the form of ``particle`` that follows it, e.g. ``배치`` and ``을`` give ``배치를``."""
    after_consonant, after_vowel = PARTICLES[particle]
    end = ending(word)
    stopped = end == "consonant" or (end == "rieul" and after_consonant != "으로")
    return f"{word}{after_consonant if stopped else after_vowel}"


def ending(word: str) -> Ending:
    """Return how ``word`` ends when it is read aloud; closing marks and a last remark in brackets are not read."""
    bare = _bare(word)
    last = bare[-1:]
    if last and ord(last) in _SYLLABLES:
        final = (ord(last) - _SYLLABLES.start) % 28
        return "vowel" if not final else "rieul" if final == _RIEUL else "consonant"
    if last.isdigit():
        return _known(_DIGITS.get(last))
    latin = _WORD.search(bare)
    return _latin(latin.group()) if latin else "vowel"


def _bare(word: str) -> str:
    before = None
    while word != before:
        before, word = word, _ASIDE.sub("", word.rstrip(_CLOSING))
    return word


def _latin(word: str) -> Ending:
    if word.isupper() or len(word) == 1 or not re.search("[aeiouyAEIOUY]", word):
        return _known(_LETTERS.get(word[-1].upper()))
    low = word.lower()
    if low.endswith(("l", "le")):
        return "rieul"
    return "consonant" if _STOPPED.search(low) else "vowel"


def _known(found: str | None) -> Ending:
    return "rieul" if found == "rieul" else "consonant" if found == "consonant" else "vowel"
