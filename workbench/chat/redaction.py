"""What must not leave the machine, taken out of texts: secrets, and where files of this machine lie.

What lives here: finding them by their shape, and by what a record calls them. What does not: deciding what is sent
(``prompt``) or kept (``records``). A secret of no known shape that nobody calls one (``hunter2`` alone) cannot be
found, nor the end of a path whose last name has blanks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

SECRET: Final = "<secret>"  # noqa: S105  what stands in its place
PATH: Final = "<path>"

_BLOCK = re.compile(
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)", re.DOTALL
)

# Keys that say by their beginning what they are.
_KEYS = re.compile(
    r"""(?<![A-Za-z0-9])(?:
        AIza[\w-]{20,} | AQ\.[\w-]{20,}             # Google
      | ya29\.[\w.-]{10,} | GOCSPX-[\w-]{10,}
      | (?:sk|pk|rk)[-_][A-Za-z0-9][\w-]{14,}       # OpenAI, Anthropic, Stripe
      | hf_[A-Za-z0-9]{10,}                         # Hugging Face
      | gh[opsur]_[A-Za-z0-9]{16,} | github_pat_\w{16,} | glpat-[\w-]{16,}
      | xox[a-z]-[\w-]{10,} | npm_[A-Za-z0-9]{20,} | pypi-[\w-]{20,} | wandb_v\d_\w{16,}
      | eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*             # JSON web token
    )
      | AIza[\w-]{30,} | gh[opsur]_[A-Za-z0-9]{30,} # long enough to be one also where a word is glued to it
      | (?<![A-Z0-9])(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{12,}  # AWS
    """,
    re.VERBOSE,
)
_PASSWORD = r"(?:passw(?:or)?d|passphrase|pwd)"  # noqa: S105  the words for one
_NAME = (
    rf"(?:{_PASSWORD}|api[ _-]?key|access[ _-]?key|account[ _-]?key|secret|credential|authorization"
    r"|sharedaccess(?:signature|key))"
)
_KOREAN_PASSWORD = r"(?:비밀번호|비번|패스워드|암호)"  # noqa: S105
_KOREAN_TOKEN = r"(?:토큰|(?:api|access|비밀|인증|액세스)\s?(?:키|토큰))"  # noqa: S105
_VALUE = r"""(?:"[^"]*"|'[^']*'|[^\s"',;&]+)"""
# … and those that somebody calls so. A word after "token" or "key" is often just a word: it must look like none.
_NAMED = re.compile(
    rf"""(?P<name>
        (?<![A-Za-z0-9])[\w-]{{0,40}}{_NAME}[\w-]{{0,40}}["']?\s{{0,3}}(?:[:=]|(?:\s|^)(?:is|was)\s)\s{{0,3}}
      | (?:{_KOREAN_PASSWORD}|{_KOREAN_TOKEN})\s{{0,3}}(?:[:=]|[은는이가]\s)\s{{0,3}}
      | (?:(?<![A-Za-z0-9])(?:[\w-]{{0,40}}[_-])?{_PASSWORD}|{_KOREAN_PASSWORD})\s{{1,3}}
        (?=["']?[^\s"']{{4}})(?=\S*(?:\d|[@\#$%^&*!]\w))
      | (?<![A-Za-z0-9])(?:[\w-]{{0,40}}[_-])?(?:token|key|sig|signature)["']?\s{{0,3}}[:=]\s{{0,3}}
        (?=["']?[^\s"']{{6}})(?![\d.,]+(?:\s|$))
      | (?<=[&;])sig=
      | (?:(?<![A-Za-z0-9])(?:token|bearer|basic|(?:api[ _-]?)?key)|{_KOREAN_TOKEN})\s{{1,3}}(?:is\s)?
        (?=["']?[^\s"']{{8}})(?=\S*\d)(?=\S*[A-Za-z])
    )(?:(?:bearer|basic)\s{{1,3}})?{_VALUE}""",
    re.VERBOSE | re.IGNORECASE,
)

# What a record calls a secret is one, whatever it is …
_SECRET_NAME = re.compile(
    rf"{_PASSWORD}|(?<![a-z])(?:secret|credential)s?(?![a-z])|authorization|sharedaccess|{_KOREAN_PASSWORD}(?!화)"
    r"|(?:api|access|account|private|secret|signing|비밀|인증)[ _-]?(?:keys?(?![a-z])|키)"
    r"|(?:api|access|auth|refresh|session|bearer|bot|personal|hf|github|gitlab|인증|액세스)[ _-]?(?:tokens?$|토큰)"
)
# … and what it calls so only when it looks like one: a table has keys, and a text tokens.
_PERHAPS_NAME = re.compile(r"(?<![a-z])(?:token|key|auth|pass|bearer|jwt|cookie|sig|signature)$|(?:토큰|키)$")
_LOOKS_SECRET = re.compile(
    r"(?=.*\d)(?=.*[A-Za-z])(?:[\w+=.:~!@#$%^&*-]{6,}|[\w+/=.~-]{32,})|(?=.*[a-z])(?=.*[A-Z])\w{20,}"
)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

_URL = re.compile(r"(?<![A-Za-z0-9])(?P<scheme>[A-Za-z][A-Za-z0-9+.-]{1,20})://(?P<rest>[^\s\"'<>]+)")
_LOCAL_URLS: Final = frozenset({"file", "local", "sqlite"})

# Before a path stands no part of a word: train/val is none. Hangul may, where it cannot be one of two words in a row.
_START = r"(?<![\w./<>~\\%$-])"
_LATIN_START = r"(?<![A-Za-z0-9_\\])"
_HANGUL_START = rf"(?:{_START}|(?<=[가-힣]))"
_ROOT = (
    r"(?:root|Volumes|mnt|media|data|datasets|srv|opt|tmp|var|etc|usr|nfs|nas|scratch|storage|workspace|content"
    r"|private|projects|export|raid|disks?)/"
)
_CHAR = r"""[^\s"'<>|)]"""
_END = r"(?<![,.;:])"  # a sentence goes on after a path
# A blank inside of a name: a separator still follows …
_WORD = r"""[^\s"'<>|/\\]+"""
_BLANK = rf"\ (?=(?:{_WORD}\ ){{0,2}}{_WORD}[/\\])"
_WINDOWS_BLANK = rf"\ (?=(?:{_WORD}\ ){{0,2}}{_WORD}\\)"
# … which is no proof after a slash: /data/x and 1/2 of it, /data/a.yaml yolo26n/640.
_SAID = r"(?:and|or|to|with|for|from|on|in|at|of|then|use|epochs?|batch|imgsz)\b"
_PLAIN_WORD = r"""(?=[^\s"'<>|/\\:,;=(]*?[^\W\d])[^\s"'<>|/\\:,;=(]+"""
_ENDED = "".join(rf"(?<!\.{ending})" for ending in ("pt", "yaml", "yml", "onnx", "zip", "tar", "gz", "csv", "json"))
_SLASH_BLANK = rf"{_ENDED}\ (?=(?!{_SAID})(?:{_PLAIN_WORD}\ (?!{_SAID}))?{_PLAIN_WORD}/)"
_REST = rf"(?:{_CHAR}|{_SLASH_BLANK})*{_END}"
_PATHS = re.compile(
    rf"""(?P<quote>["'])(?:~[\w.-]*/|//?[\w.~-]|[A-Za-z]:[\\/]|\\\\\w)[^"']*(?P=quote)     # quoted, blanks and all
      | (?:(?:{_HANGUL_START}|(?<=-)|(?<=\.\.\.))/(?:Users|home)/|{_LATIN_START}[A-Za-z]:[\\/]Users[\\/])
        (?:{_CHAR}|{_BLANK})*{_END}
      | (?:{_HANGUL_START}|(?<=-)|(?<=\.\.\.))/{_ROOT}{_REST}
      | {_HANGUL_START}(?:~/|\$(?:HOME|\{{HOME\}})(?!\w)/?|%\w+%\\){_CHAR}*{_END}
      | {_START}~[\w.-]*/{_CHAR}*{_END}
      | {_START}/(?:[^\W\d]|[.~]){_REST}
      | {_START}/\d[^\s"'<>|)/]*/{_REST}
      | {_START}(?<![A-Za-z0-9]:)//[\w.$-]+/{_REST}
      | (?<=[가-힣])/{_CHAR}{{1,200}}/[^\s"'<>|)/]{{0,200}}\.[A-Za-z][A-Za-z0-9]{{1,3}}(?![A-Za-z0-9_])
      | {_LATIN_START}[A-Za-z]:/(?!/){_REST}
      | {_LATIN_START}(?:[A-Za-z]:|\\\\[\w.$-]+)\\(?:{_CHAR}|{_WINDOWS_BLANK})*{_END}
    """,
    re.VERBOSE,
)


def redact(text: str) -> str:
    """Return ``text`` without secrets, without paths of this machine, and with URLs that open nothing."""
    return _PATHS.sub(PATH, _URL.sub(_url, redact_secrets(text)))


def redact_secrets(text: str) -> str:
    """Return ``text`` without keys, tokens, passwords and the credentials in URLs; paths stay."""
    text = _BLOCK.sub(SECRET, text)
    text = _URL.sub(_without_credentials, text)
    return _NAMED.sub(rf"\g<name>{SECRET}", _KEYS.sub(SECRET, text))


def redacted(value: Any, clean: Callable[[str], str] = redact) -> Any:
    """Return a JSON-able ``value`` with every text in it, keys included, gone through ``clean``.

    What stands under the name of a secret (``db_password``, ``apiKey``) is taken out whole, but for ``None``, true and
    false; under a name that is often none (``key``, ``token``) only what looks like a secret.
    """
    return _cleaned(value, clean, _is_none)


def _cleaned(value: Any, clean: Callable[[str], str], is_secret: Callable[[str], bool]) -> Any:
    if isinstance(value, Mapping):
        return {
            clean(str(key)): _cleaned(item, clean, _test_under(str(key)) or is_secret) for key, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [_cleaned(item, clean, is_secret) for item in value]
    if value is None or isinstance(value, bool):
        return value
    if is_secret(str(value)):
        return SECRET
    return clean(value) if isinstance(value, str) else value


def _test_under(name: str) -> Callable[[str], bool] | None:
    """Return what tells whether a value is a secret that is called ``name``; ``None`` when that calls nothing one."""
    words = _HUMP.sub("_", name).lower()
    if _SECRET_NAME.search(words):
        return bool
    return _looks_secret if _PERHAPS_NAME.search(words) else None


def _looks_secret(text: str) -> bool:
    return _LOOKS_SECRET.fullmatch(text) is not None


def _is_none(_text: str) -> bool:
    return False


def _url(match: re.Match[str]) -> str:
    if match["scheme"].lower() in _LOCAL_URLS:
        return f"{PATH})" if match["rest"].endswith(")") else PATH
    return _without_credentials(match)


def _without_credentials(match: re.Match[str]) -> str:
    credentials = _credentials(match["rest"])
    address, query = _split(match["rest"][len(credentials) :], "?#")
    return f"{match['scheme']}://{f'{SECRET}@' if credentials else ''}{address}{'?…' if query else ''}"


def _credentials(rest: str) -> str:
    """Return what stands before the host, with the ``@``; a password may hold what ends a host: /, ? and @."""
    host, _ = _split(rest, "/?#")
    user, colon, password = host.partition(":")
    is_port = user.startswith("[") or not password or password.isdecimal()
    found = rest if colon and "@" not in user and not is_port else host
    return found[: found.rfind("@") + 1]


def _split(text: str, marks: str) -> tuple[str, str]:
    """Return what stands before the first of ``marks``, and the rest with it."""
    place = min((found for mark in marks if (found := text.find(mark)) >= 0), default=len(text))
    return text[:place], text[place:]
