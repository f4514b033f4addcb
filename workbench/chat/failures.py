"""What can go wrong with Gemini, and what is to be done about each.

What lives here: one record of a failure, and how an error of the client or an answer without words becomes one. What
does not: asking again (``gemini``), and how a failure is told to the person (the messages, by its key). The client's
errors are known by their names: which HTTP library it uses is its own affair.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any, Final

from workbench.chat.cleaning import clean
from workbench.chat.redaction import redact
from workbench.chat.turn import Usage

KEYS_AT: Final = "https://aistudio.google.com/apikey"
_PASSING: Final = frozenset({408, 500, 502, 503, 504})
_DETAIL_LONGEST: Final = 300
_DELAY = re.compile(r"(\d+(?:\.\d+)?)s?")
_OFFLINE_REST_S: Final = 10.0
_REST_LONGEST_S: Final = 600.0
_BLOCKED: Final = frozenset(
    {"SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "MODEL_ARMOR"}
)


@dataclass(frozen=True)
class Failure:
    """Why Gemini's answer cannot be used.

    Attributes:
        key: of the messages, e.g. ``gemini_timeout``.
        detail: what the service said, and what can be done.
        retry: whether asking again may help.
        delay_s: how long the service wants to be left alone; ``None`` when it did not say.
        status: of HTTP; 0 when there was none.
        usage: what it cost all the same.
        sent: whether anything left the machine.
    """

    key: str
    detail: str = ""
    retry: bool = False
    delay_s: float | None = None
    status: int = 0
    usage: Usage = field(default_factory=Usage)
    sent: bool = True

    @property
    def rest_s(self) -> float:
        """For how long later turns need not ask either."""
        if self.key == "gemini_offline":
            return _OFFLINE_REST_S
        return min(self.delay_s or 0.0, _REST_LONGEST_S)


def told(text: object, secret: str = "") -> str:
    """Return what a service said as it may be shown: one short line, without ``secret`` and whatever looks like one."""
    line = clean(str(text or ""))
    line = redact(line.replace(secret, "<secret>") if secret else line)
    return line if len(line) <= _DETAIL_LONGEST else f"{line[: _DETAIL_LONGEST - 1]}…"


def bad_key(said: str) -> Failure:
    """Return the failure of a key that is not accepted."""
    todo = f"Set GOOGLE_API_KEY to a valid key (they are made at {KEYS_AT}) and start again, or unset it."
    return Failure("gemini_bad_key", f"{said} {todo}".strip())


def odd_key() -> Failure:
    """Return the failure of a key that cannot be one, so that nobody is asked."""
    return replace(bad_key("The key has characters that no key has."), key="gemini_odd_key", sent=False)


def failure(error: Exception, secret: str = "") -> Failure:
    """Return what an error of the client means.

    Args:
        error: whatever was raised on the way.
        secret: is kept out of the detail.
    """
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if "APIError" in kinds:
        return _refused(error, secret)
    said = f"{type(error).__name__}: {told(error, secret)}" if str(error) else type(error).__name__
    if kinds & {"ConnectError", "ConnectTimeout", "ProxyError", "UnsupportedProtocol"}:
        return Failure("gemini_offline", said, sent=False)
    if kinds & {"TimeoutException", "TimeoutError"}:
        return Failure("gemini_timeout", said)
    if "TransportError" in kinds:
        return Failure("gemini_unavailable", said, retry=True)
    if isinstance(error, ImportError):
        return Failure("gemini_unavailable", f"{said}. Install it: pip install google-genai")
    return Failure("gemini_unreadable", said, retry=True)


def ending(reason: str, usage: Usage) -> Failure | None:
    """Return why an answer with this ``finish_reason`` (or ``block_reason``) is none; ``None`` when it is complete."""
    if reason in ("", "STOP", "FINISH_REASON_UNSPECIFIED"):
        return None
    if reason == "MAX_TOKENS":
        return Failure("gemini_truncated", reason, usage=usage)
    if reason in _BLOCKED:
        return Failure("gemini_blocked", reason, usage=usage)
    return Failure("gemini_unreadable", reason, retry=True, usage=usage)


def _refused(error: Any, secret: str) -> Failure:
    """Return what an answer of the service means that has an HTTP status other than 200."""
    status = error.code if isinstance(error.code, int) else 0
    said = told(f"{status} {error.status or ''}: {error.message or 'no message'}", secret)
    details = _details(error)
    if any(detail.get("reason") == "SERVICE_DISABLED" for detail in details):
        todo = "Enable the Generative Language API in the project of the key, or take a key of another project."
        return Failure("gemini_disabled", f"{said} {todo}", status=status)
    if status in (401, 403) or any(detail.get("reason") == "API_KEY_INVALID" for detail in details):
        return bad_key(said)
    if status == 429:
        return Failure("gemini_rate_limit", said, retry=True, delay_s=_delay(error, details), status=status)
    if status in _PASSING:
        return Failure("gemini_unavailable", said, retry=True, delay_s=_delay(error, details), status=status)
    if status == 404:
        said += " Set WORKBENCH_GEMINI_MODEL to a model that this key may use."
    return Failure("gemini_unavailable", said, status=status)


def _details(error: Any) -> list[dict[str, Any]]:
    body = error.details if isinstance(error.details, dict) else {}
    inner = body.get("error", body)
    listed = inner.get("details") if isinstance(inner, dict) else None
    return [detail for detail in listed if isinstance(detail, dict)] if isinstance(listed, list) else []


def _delay(error: Any, details: list[dict[str, Any]]) -> float | None:
    """Return the seconds that the service names, in its ``RetryInfo`` or in the header ``Retry-After``."""
    named = [detail.get("retryDelay") for detail in details]
    named.append(getattr(error.response, "headers", {}).get("retry-after"))
    matches = [match for word in named if isinstance(word, str) and (match := _DELAY.fullmatch(word))]
    return float(matches[0][1]) if matches else None
