"""A visit: who asked for which page, in which language, of which workspace.

What lives here: waiting for it and reading it. What does not: the pages.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal
from urllib.parse import parse_qsl

from workbench import settings
from workbench.settings import DASHBOARD_LANG
from workbench.widgets.pages.texts import TEXTS, Texts

if TYPE_CHECKING:
    from workbench.workspace import Workspace

Lang = Literal["en", "ko"]
LANGS: Final[tuple[Lang, ...]] = ("en", "ko")
_CONNECT_S: Final = 30.0
_LONGEST: Final = 200  # characters of a name in an address


@dataclass(frozen=True)
class Visit:
    """One request for a page.

    Attributes:
        workspace: open for reading only.
        query: what the address says, by name; of a name that is there twice, the first.
        lang: of the page.
        chosen: whether the address chose the language: then links keep it.
        now: when, in unix seconds.
    """

    workspace: Workspace
    query: Mapping[str, str] = field(default_factory=dict)
    lang: Lang = "en"
    chosen: bool = False
    now: float = field(default_factory=time.time)

    @property
    def texts(self) -> Texts:
        """What pages say in its language."""
        return TEXTS[self.lang]

    def asked(self, name: str) -> str:
        """Return what the address says under a name; empty when it says nothing."""
        return self.query.get(name, "")[:_LONGEST]


def visit(page: Callable[[Visit], object] | None = None) -> Visit:
    """Wait for a visitor, in a kernel that was started before one came; in any other, return at once.

    The workspace is that of WORKBENCH_HOME, open for reading only.

    Args:
        page: made once before the wait, so that the visitor does not wait for what it imports.

    Raises:
        StorageError: when there is no workspace.
    """
    from workbench.workspace import Workspace

    workspace = Workspace(readonly=True)
    told = settings.variables("VOILA_", "QUERY_STRING", "HTTP_ACCEPT_LANGUAGE", DASHBOARD_LANG)
    if told.get("VOILA_PREHEAT") == "True":
        if page is not None:
            page(Visit(workspace))
        told |= _await_request(told)
    query = dict(reversed(parse_qsl(told.get("QUERY_STRING", ""))))
    lang, chosen = choose_lang(
        query.get("lang", ""), told.get(DASHBOARD_LANG, ""), told.get("HTTP_ACCEPT_LANGUAGE", "")
    )
    return Visit(workspace, query, lang, chosen)


def choose_lang(asked: str, told: str, accepted: str) -> tuple[Lang, bool]:
    """Return the language of a page, and whether its address chose it.

    Args:
        asked: by the address.
        told: by whoever runs the server; ``auto`` or nothing is left to the browser.
        accepted: what the browser says it prefers, e.g. ``ko-KR,ko;q=0.9,en;q=0.8``.
    """
    for lang in LANGS:
        if asked == lang:
            return lang, True
    for lang in LANGS:
        if told == lang:
            return lang, False
    wishes = sorted(map(_wish, accepted.split(",")), reverse=True)
    known = [lang for _, name in wishes for lang in LANGS if name == lang]
    return (known[0] if known else "en"), False


def _wish(text: str) -> tuple[float, str]:
    name, _, weight = text.strip().partition(";q=")
    try:
        return float(weight or 1), name.partition("-")[0].lower()
    except ValueError:
        return 0.0, ""


def _await_request(told: Mapping[str, str]) -> Mapping[str, str]:
    """Return what Voila says of the request that this kernel is for, when it comes."""
    from websockets.exceptions import WebSocketException
    from websockets.sync.client import connect

    # As voila.utils.wait_for_request does, whose import takes longer than all of ours.
    place = f"ws://127.0.0.1:{told['VOILA_APP_PORT']}{told['VOILA_SERVER_URL']}voila/query/{told['VOILA_KERNEL_ID']}"
    try:
        with connect(place, open_timeout=_CONNECT_S, proxy=None) as socket:
            said: Mapping[str, str] = json.loads(socket.recv())
            return said
    except (OSError, WebSocketException):  # the server is gone, or ends
        return {}
