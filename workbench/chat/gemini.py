"""Gemini as the engine that understands a turn, with the rules behind it.

What lives here: the only use of Google's client; one request a turn, asked again where that helps. What does not: what
is sent (``prompt``), how an answer is read (``reading``), what a failure means (``failures``). The client is imported
when there is a key, in a thread: it takes half a second.
"""

from __future__ import annotations

import contextlib
import math
import re
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from workbench.chat import failures, prompt, reading
from workbench.chat.failures import Failure
from workbench.chat.patience import Patience, Waiting, pulled, unseen
from workbench.chat.prompt import Message
from workbench.chat.turn import Engine, Situation, Understood, Usage
from workbench.settings import Settings

if TYPE_CHECKING:
    from google import genai

ADDRESS: Final = "https://generativelanguage.googleapis.com"
_CONNECT_S: Final = 5.0
_TOKENS_MAX: Final = 8192  # of an answer, what is thought included
# Not every model knows the lowest level; what is refused is not sent again.
_LEVELS: Final = ("MINIMAL", "LOW", None)
_KEY = re.compile(r"(?!auth_tokens/)[!-~]+")


def engine(settings: Settings, rules: Engine) -> Engine:
    """Return Gemini when there is a key, else the rules."""
    if settings.google_api_key is None or not settings.google_api_key.get_secret_value().strip():
        return rules
    return GeminiEngine(
        settings.google_api_key.get_secret_value(),
        settings.workbench_gemini_model,
        base_url=settings.workbench_gemini_url,
        timeout_s=settings.workbench_gemini_timeout_s,
        rules=rules,
    )


class GeminiEngine:
    """Asks Gemini; when it fails, the rules answer, and what they return says why.

    Args:
        key: for the service; it is in no text that this engine returns.
        model: which one is asked, e.g. ``gemini-3.5-flash-lite``.
        rules: answer when Gemini does not.
        base_url: of a gateway, or of a test; Google's own when ``None``.
        timeout_s: for a turn in all, every try and pause included.
        attempts: how often a turn is asked at most.

    Attributes:
        waiting: is told each second of a pause how many seconds are left, and for which key of the messages.
    """

    def __init__(
        self,
        key: str,
        model: str,
        *,
        rules: Engine,
        base_url: str | None = None,
        timeout_s: float = 20.0,
        attempts: int = 3,
    ) -> None:
        self.waiting: Waiting = unseen
        self.service = _Service(key.strip(), model, base_url or ADDRESS)
        self._rules, self._timeout_s, self._attempts = rules, timeout_s, attempts
        self._rest: tuple[float, Failure] | None = None

    def understand(self, text: str, situation: Situation) -> Understood:
        """Return what ``text`` means: as Gemini has it or, when that fails in any way, as the rules do."""
        message, patience, usage = prompt.message(text, situation), self.patience(), Usage()
        failed, sent = self.resting(), False
        while failed is None:
            outcome = self._asked(message, patience)
            usage += outcome.usage
            if isinstance(outcome, Understood):
                return replace(outcome, usage=usage)
            sent = sent or outcome.sent
            if not outcome.retry or not patience.again(outcome.key, outcome.delay_s):
                failed = self.note(outcome)
        answer = self._rules.understand(text, situation)
        said = message.data if sent else {}
        return replace(answer, fallback=failed.key, detail=failed.detail, usage=usage, sent=said)

    def prose(self, text: str, situation: Situation, spent_s: float = 0.0) -> Prose:
        """Return an answer in words of Gemini's own, as it comes in.

        Args:
            text: the question.
            situation: of the conversation.
            spent_s: how much of the turn's time is gone.
        """
        return Prose(self, prompt.message(text, situation), self.patience(spent_s))

    def patience(self, spent_s: float = 0.0) -> Patience:
        """Return the time and the tries of one turn, of whose time some may be gone."""
        return Patience(self._timeout_s - spent_s, self._attempts, self.waiting)

    def resting(self) -> Failure | None:
        """Return why the service is not asked at all just now; ``None`` when it is."""
        if not self.service.usable:
            return failures.odd_key()
        until, failed = self._rest or (0.0, None)
        left_s = until - time.monotonic()
        if failed is None or left_s <= 0:
            return None
        return replace(failed, detail=f"{failed.detail} Asked again in {math.ceil(left_s)} s.", sent=False)

    def note(self, failed: Failure) -> Failure:
        """Leave the service alone for as long as ``failed`` says, and return it."""
        self._rest = (time.monotonic() + failed.rest_s, failed) if failed.rest_s else None
        return failed

    def _asked(self, message: Message, patience: Patience) -> Understood | Failure:
        request = _Request(prompt.instruction(), message.text, reading.schema(message), patience.left_s)
        try:
            piece = next(pulled(lambda: self.service.answer(request), lambda: patience.left_s))
        except Exception as error:  # noqa: BLE001  whatever the service or its client does, the rules answer
            return self.service.failure(error)
        if piece.failure:
            return piece.failure
        try:
            proposal = reading.read(piece.text, message)
        except ValueError as error:
            return Failure("gemini_unreadable", reading.reason(error), retry=True, usage=piece.usage)
        return Understood(proposal, engine="gemini", usage=piece.usage, sent=message.data)


class Prose(Iterator[str]):
    """An answer in free words, piece by piece; afterwards it says what became of it.

    Args:
        engine: asks.
        message: what it sends.
        patience: for all of the answer.

    Attributes:
        text: what has come in so far.
        fallback: why there is no answer, or why it is not complete: a key of the messages; empty when it is.
        usage: tokens.
    """

    def __init__(self, engine: GeminiEngine, message: Message, patience: Patience) -> None:
        self.text = self.fallback = ""
        self.usage = Usage()
        self._engine, self._message, self._pieces = engine, message, self._told(patience)

    def __next__(self) -> str:
        return next(self._pieces)

    def _told(self, patience: Patience) -> Iterator[str]:
        failed = self._engine.resting()
        while failed is None:
            ended = yield from self._once(patience)
            if ended is None:
                return
            again = ended.retry and not self.text and patience.again(ended.key, ended.delay_s)
            failed = None if again else self._engine.note(ended)
        self.fallback = failed.key

    def _once(self, patience: Patience) -> Generator[str, None, Failure | None]:
        """Yield the words of one try, and return why it ended early."""
        service, before = self._engine.service, self.usage
        request = _Request(prompt.explaining(), self._message.text, None, patience.left_s)
        try:
            for piece in pulled(lambda: service.stream(request), lambda: patience.left_s):
                self.usage = before + piece.usage
                if words := reading.flowing(piece.text):
                    self.text += words
                    yield words
                if piece.failure:
                    return piece.failure
        except Exception as error:  # noqa: BLE001  whatever the service or its client does, the turn goes on
            return service.failure(error)
        return None if self.text else Failure("gemini_unreadable", "no words", retry=True)


@dataclass(frozen=True)
class _Request:
    instruction: str
    contents: str
    schema: Mapping[str, Any] | None
    timeout_s: float


@dataclass(frozen=True)
class _Piece:
    """What came in: words, what it cost so far, and why it is not complete."""

    text: str
    usage: Usage
    failure: Failure | None


class _Service:
    """Google's client, made when it is first needed; kept, since a client that nobody holds closes itself."""

    def __init__(self, key: str, model: str, address: str) -> None:
        self.usable = _KEY.fullmatch(key) is not None
        self._key, self._model, self._address = key, model, address
        self._level, self._schema = 0, True
        self._made: genai.Client | None = None
        self._lock = threading.Lock()
        if self.usable:
            threading.Thread(target=self._prepare, name="gemini-import", daemon=True).start()

    def answer(self, request: _Request) -> Iterator[_Piece]:
        """Yield the whole answer."""
        yield _piece(
            self._client().models.generate_content(
                model=self._model, contents=request.contents, config=self._config(request)
            )
        )

    def stream(self, request: _Request) -> Iterator[_Piece]:
        """Yield the answer as it comes in."""
        for response in self._client().models.generate_content_stream(
            model=self._model, contents=request.contents, config=self._config(request)
        ):
            yield _piece(response)

    def failure(self, error: Exception) -> Failure:
        """Return what an error means; a request that asks for more than this model knows is cut for the next try."""
        failed = failures.failure(error, self._key)
        said = failed.detail.lower()
        if failed.status != 400:
            return failed
        if "thinking" in said and self._level < len(_LEVELS) - 1:
            self._level += 1
        elif "schema" in said and self._schema:
            self._schema = False
        else:
            return failed
        return replace(failed, retry=True, delay_s=0.0)

    def _prepare(self) -> None:
        # What goes wrong here goes wrong again, and is told, when it is needed.
        with contextlib.suppress(ImportError, ValueError, OSError):
            self._client()

    def _client(self) -> genai.Client:
        with self._lock:
            if self._made is None:
                from google import genai
                from google.genai.client import DebugConfig

                # Said here, so that no variable of the client's own says otherwise: neither Vertex nor a replay.
                self._made = genai.Client(
                    api_key=self._key,
                    vertexai=False,
                    debug_config=DebugConfig(client_mode=None),
                    http_options=genai.types.HttpOptions(
                        base_url=self._address,
                        api_version="v1",
                        # A redirect would carry the key to another host.
                        client_args={"follow_redirects": False, "event_hooks": {"request": [_hurry]}},
                    ),
                )
            return self._made

    def _config(self, request: _Request) -> genai.types.GenerateContentConfig:
        from google.genai import types

        level = _LEVELS[self._level]
        schema = request.schema if self._schema else None
        return types.GenerateContentConfig(
            system_instruction=request.instruction,
            max_output_tokens=_TOKENS_MAX,
            response_mime_type=None if request.schema is None else "application/json",
            response_json_schema=schema,
            thinking_config=types.ThinkingConfig(thinking_level=types.ThinkingLevel(level)) if level else None,
            http_options=types.HttpOptions(timeout=max(1, round(request.timeout_s * 1000))),
        )


def _hurry(request: Any) -> None:
    """Let no connection take as long as an answer may: without a network, nobody waits 20 seconds to hear so."""
    limits = request.extensions.get("timeout", {})
    limits["connect"] = min(limits.get("connect") or _CONNECT_S, _CONNECT_S)


def _piece(response: genai.types.GenerateContentResponse) -> _Piece:
    usage = _usage(response.usage_metadata)
    feedback, candidate = response.prompt_feedback, next(iter(response.candidates or ()), None)
    parts = candidate.content.parts or () if candidate and candidate.content else ()
    text = "".join(part.text for part in parts if part.text and not part.thought)
    if feedback and feedback.block_reason:
        return _Piece(text, usage, Failure("gemini_blocked", _word(feedback.block_reason), usage=usage))
    if candidate is None:
        return _Piece(text, usage, Failure("gemini_unreadable", "no candidates", retry=True, usage=usage))
    return _Piece(text, usage, failures.ending(_word(candidate.finish_reason), usage))


def _word(reason: Any) -> str:
    return failures.told(getattr(reason, "value", reason))


def _usage(said: genai.types.GenerateContentResponseUsageMetadata | None) -> Usage:
    if said is None:
        return Usage()
    return Usage(said.prompt_token_count or 0, said.candidates_token_count or 0, said.thoughts_token_count or 0)
