"""A loopback server that speaks the wire of the Gemini Developer API, and keeps what it is sent.

It has no model: each question takes the next item of its script. It answers as google-genai 3.4 expects of
``generateContent``, ``streamGenerateContent`` (server-sent events) and ``GET /models``, and refuses a wrong key as the
real service does, with 400. It cannot show what the real service thinks of a schema or of a model's name.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self

Fields = dict[str, Any]
KEY = "AIzaTheKeyOfTheTests-0123456789abcdefgh"
TYPE = "type.googleapis.com/google.rpc"
TOKENS = {"promptTokenCount": 7, "candidatesTokenCount": 5, "thoughtsTokenCount": 2, "totalTokenCount": 14}


@dataclass(frozen=True)
class Bytes:
    """An answer that need not be what it says it is."""

    status: int
    body: bytes
    headers: Fields = field(default_factory=dict)


# ``hang`` says nothing, ``drip`` sends a byte now and then, ``drop`` closes the connection, ``cut`` does so midway.
Trouble = Literal["hang", "drip", "drop", "cut"]
Item = Fields | list[Fields] | Bytes | Trouble


def said(text: str, **candidate: Any) -> Fields:
    """Return an answer with one text; ``candidate`` replaces fields of it, e.g. ``finishReason``."""
    content = {"role": "model", "parts": [{"text": text}]}
    return {
        "candidates": [{"content": content, "finishReason": "STOP", "index": 0, **candidate}],
        "usageMetadata": TOKENS,
        "modelVersion": "gemini-fake",
    }


def turn(intent: str = "configure", *ops: Fields, language: str = "en", **more: Any) -> Fields:
    """Return an answer with a turn as its text."""
    return said(json.dumps({"language": language, "intent": intent, "ops": list(ops), **more}, ensure_ascii=False))


def op(name: str, value: Any, evidence: str, kind: str = "set") -> Fields:
    """Return one change as Gemini says it."""
    return {"field": name, "op": kind, "value": value, "evidence": evidence}


def refusal(code: int, status: str, message: str, *, delay: str = "", reason: str = "") -> Bytes:
    """Return an error as the service words it; ``delay`` is text such as ``5s``."""
    details: list[Fields] = []
    if reason:
        details.append({"@type": f"{TYPE}.ErrorInfo", "reason": reason, "domain": "googleapis.com"})
    if delay:
        details.append({"@type": f"{TYPE}.RetryInfo", "retryDelay": delay})
    error = {"code": code, "message": message, "status": status, "details": details}
    return Bytes(code, json.dumps({"error": error}).encode())


def busy(delay: str = "") -> Bytes:
    """Return the refusal of a key that has asked too often."""
    return refusal(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.", delay=delay)


class FakeGemini:
    """The server on a loopback port; use as a context manager.

    Attributes:
        script: what is answered next.
        requests: ``{"path", "headers", "body"}`` of each question.
        url: its address.
    """

    def __init__(self, script: Iterable[Item] = ()) -> None:
        self.script = list(script)
        self.requests: list[Fields] = []
        self.released = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"gemini": self}))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._http.shutdown()
        self._http.server_close()

    @property
    def sent(self) -> Fields:
        """The data of the last question."""
        data: Fields = json.loads(self.requests[-1]["body"]["contents"][0]["parts"][0]["text"])
        return data


class Handler(BaseHTTPRequestHandler):
    """Answers one request; ``gemini`` is the server that it belongs to."""

    gemini: FakeGemini
    protocol_version = "HTTP/1.1"
    wbufsize, disable_nagle_algorithm = -1, True  # an answer in two parts waits 40 ms for the second

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        names = ("gemini-3.5-flash-lite", "gemini-3.8-flash", "text-embedding-9")
        methods = (["generateContent"], ["generateContent"], ["embedContent"])
        models = [
            {"name": f"models/{name}", "supportedGenerationMethods": how}
            for name, how in zip(names, methods, strict=True)
        ]
        if self._known():
            self._send(200, json.dumps({"models": models}).encode())

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or b"{}")
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.gemini.requests.append({"path": self.path, "headers": headers, "body": body})
        if not self._known():
            return
        item = self.gemini.script.pop(0) if self.gemini.script else said("the script is empty")
        if isinstance(item, str):
            self._trouble(item)
        elif isinstance(item, Bytes):
            self._send(item.status, item.body, **item.headers)
        elif ":streamGenerateContent" in self.path:
            self._stream(item if isinstance(item, list) else [item])
        else:
            self._send(200, json.dumps(item, ensure_ascii=False).encode())

    def _known(self) -> bool:
        if self.headers.get("x-goog-api-key") == KEY:
            return True
        wrong = refusal(
            400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", reason="API_KEY_INVALID"
        )
        self._send(wrong.status, wrong.body)
        return False

    def _trouble(self, kind: str) -> None:
        self.close_connection = True
        if kind == "hang":
            self.gemini.released.wait(60)
        if kind in ("drip", "cut"):
            self._head(200, 1_000_000)
            self.wfile.write(b"{")
            self.wfile.flush()
        while kind == "drip" and not self.gemini.released.wait(0.05):
            self.wfile.write(b" ")
            self.wfile.flush()

    def _stream(self, chunks: list[Fields]) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for chunk in chunks:
            event = b"data: " + json.dumps(chunk, ensure_ascii=False).encode() + b"\r\n\r\n"
            if chunk.get("trouble"):
                self.wfile.flush()
                self.close_connection = True
                return
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def _head(self, code: int, length: int, **headers: Any) -> None:
        self.send_response(code)
        for name, value in {"content-type": "application/json; charset=UTF-8", **headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(length))
        self.end_headers()

    def _send(self, code: int, body: bytes, **headers: Any) -> None:
        self._head(code, len(body), **headers)
        self.wfile.write(body)
