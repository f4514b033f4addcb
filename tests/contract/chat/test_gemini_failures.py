"""What becomes of a turn when Gemini fails: asked again where that helps, answered by the rules where it does not."""

from __future__ import annotations

import json
import socket
import time
from contextlib import ExitStack
from typing import Any

import pytest

from tests.contract.chat.asking import MODEL, Ask, Rules, by_rules, rules_of, situation
from tests.contract.chat.fake_gemini import KEY, Bytes, Item, busy, op, refusal, said, turn
from workbench.chat.gemini import GeminiEngine
from workbench.chat.patience import Patience
from workbench.chat.turn import Usage

EPOCHS = op("epochs", 30, "30 epochs")
UNAVAILABLE = refusal(503, "UNAVAILABLE", "The model is overloaded.")


def valid(**changes: Any) -> dict[str, Any]:
    return {"language": "en", "intent": "configure", "ops": [EPOCHS], **changes}


def test_after_a_429_it_is_asked_again_when_the_service_wants_and_a_countdown_is_shown(ask: Ask) -> None:
    server, engine = ask(busy("1.3s"), turn("configure", EPOCHS))
    seen: list[tuple[float, str]] = []
    engine.waiting = lambda seconds, reason: seen.append((round(seconds, 1), reason))
    began = time.monotonic()
    answer = engine.understand("30 epochs", situation())
    assert answer.engine == "gemini"
    assert 1.3 <= time.monotonic() - began < 3
    assert len(server.requests) == 2
    assert [reason for _, reason in seen] == ["gemini_rate_limit"] * 2
    assert seen[0][0] == 1.3
    assert 0 <= seen[1][0] <= 0.3


def test_what_the_service_wants_to_wait_longer_for_than_a_person_does_is_not_asked_again_before(ask: Ask) -> None:
    server, engine = ask(busy("42s"), turn())
    began = time.monotonic()
    first, second = (engine.understand("hi", situation()) for _ in range(2))
    assert time.monotonic() - began < 3
    assert by_rules(first, "gemini_rate_limit")
    assert by_rules(second, "gemini_rate_limit")
    assert len(server.requests) == 1
    assert first.sent
    assert not second.sent
    assert "Asked again in 42 s" in second.detail


def test_a_pause_never_outlasts_the_time_of_the_turn(ask: Ask) -> None:
    server, engine = ask(busy("2s"), turn(), timeout_s=1.5)
    began = time.monotonic()
    assert by_rules(engine.understand("hi", situation()), "gemini_rate_limit")
    assert time.monotonic() - began < 1.5
    assert len(server.requests) == 1


def test_a_429_for_ever_is_asked_three_times_and_answered_by_the_rules(ask: Ask) -> None:
    server, engine = ask(*[busy("0.1s")] * 9)
    answer = engine.understand("30 epochs", situation())
    assert by_rules(answer, "gemini_rate_limit")
    assert "exceeded your current quota" in answer.detail
    assert len(server.requests) == 3
    assert rules_of(engine).asked == ["30 epochs"]


def test_the_header_that_names_a_delay_is_respected_too(ask: Ask) -> None:
    server, engine = ask(Bytes(503, UNAVAILABLE.body, {"retry-after": "1"}), turn())
    began = time.monotonic()
    assert engine.understand("hi", situation()).engine == "gemini"
    assert time.monotonic() - began >= 1
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("item", "fallback"),
    [
        (UNAVAILABLE, "gemini_unavailable"),
        (Bytes(502, b"<html>Bad Gateway</html>", {"content-type": "text/html"}), "gemini_unavailable"),
        ("drop", "gemini_unavailable"),
        ("cut", "gemini_unavailable"),
        (said("Sure! I will set 30 epochs."), "gemini_unreadable"),
        (said(""), "gemini_unreadable"),
        (said('{"language": "en", "intent": "configure", "ops": ['), "gemini_unreadable"),
        ({"candidates": [], "usageMetadata": {}}, "gemini_unreadable"),
        ({}, "gemini_unreadable"),
        ({"candidates": [{"finishReason": "STOP"}]}, "gemini_unreadable"),
        (said("", finishReason="MALFORMED_FUNCTION_CALL"), "gemini_unreadable"),
        (said("", finishReason="A_REASON_OF_2031"), "gemini_unreadable"),
        (Bytes(200, b"not json at all"), "gemini_unreadable"),
        (Bytes(200, b'{"candidates": "none"}'), "gemini_unreadable"),
        (Bytes(200, b"[1, 2]"), "gemini_unreadable"),
        (Bytes(200, b"\xff\xfe\x00"), "gemini_unreadable"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.filterwarnings("ignore:A_REASON_OF_2031")
def test_what_may_pass_is_asked_three_times(ask: Ask, item: Item, fallback: str) -> None:
    server, engine = ask(*[item] * 9)
    assert by_rules(engine.understand("30 epochs", situation()), fallback)
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("item", "fallback"),
    [
        ({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 7}}, "gemini_blocked"),
        (said("", finishReason="PROHIBITED_CONTENT"), "gemini_blocked"),
        (said(json.dumps(valid()), finishReason="MAX_TOKENS"), "gemini_truncated"),
        (refusal(404, "NOT_FOUND", "models/x is not found for API version v1"), "gemini_unavailable"),
        (refusal(400, "FAILED_PRECONDITION", "User location is not supported."), "gemini_unavailable"),
        (refusal(403, "PERMISSION_DENIED", "Your API key was reported as leaked."), "gemini_bad_key"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_would_be_the_same_again_is_asked_once(ask: Ask, item: Item, fallback: str) -> None:
    server, engine = ask(item, turn("configure", EPOCHS))
    assert by_rules(engine.understand("30 epochs", situation()), fallback)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "broken",
    [
        valid(ops=[op("epochs", "many", "30 epochs")]),
        valid(ops=[op("epochs", 2, "30 epochs"), op("batch", "lots", "30 epochs")]),
        valid(ops=[op("epochs", None, "30 epochs", "scale")]),
        valid(ops=[op("epochs", "2", "30 epochs", "add")]),
        valid(ops=[op("epochs", 3, "30 epochs", "replace")]),
        valid(ops=[{"field": "epochs", "op": "set", "value": 3}]),
        valid(ops=[EPOCHS] * 41),
        valid(ops=[{**EPOCHS, "why": "because"}]),
        valid(intent="start_training"),
        valid(config={"epochs": 1}),
        valid(language="fr"),
        valid(dataset={"id": "d9", "evidence": "30"}),
        valid(dataset={"id": "helmet-v3", "evidence": "30"}),
        valid(option={"id": "o1", "evidence": "30"}),
        valid(run="r7"),
        valid(question={"kind": "dataset", "choices": ["d1", "d7"]}),
        valid(formats=["exe"]),
        valid(steps=0),
        valid(steps="2"),
        valid(reply=5),
        valid(ops={"epochs": 30}),
        {"intent": "configure", "ops": []},
        [valid()],
        None,
    ],
    ids=lambda value: json.dumps(value)[:60],
)
def test_an_answer_that_breaks_the_schema_anywhere_is_not_read_at_all(ask: Ask, broken: Any) -> None:
    _, engine = ask(said(json.dumps(broken)), attempts=1)
    answer = engine.understand("30 epochs", situation())
    assert by_rules(answer, "gemini_unreadable")
    assert answer.usage == Usage(7, 5, 2)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "9" * 5000, "1e999"])
def test_what_is_no_number_of_json_is_not_read(ask: Ask, number: str) -> None:
    text = json.dumps(valid()).replace("30,", f"{number},", 1)
    assert number in text
    _, engine = ask(said(text), attempts=1)
    assert by_rules(engine.understand("30 epochs", situation()), "gemini_unreadable")


def test_a_deep_answer_does_not_break_the_reader(ask: Ask) -> None:
    _, engine = ask(said("[" * 100_000), attempts=1)
    assert by_rules(engine.understand("30 epochs", situation()), "gemini_unreadable")


def test_tokens_of_every_try_are_counted(ask: Ask) -> None:
    _, engine = ask(said("prose"), busy("0.1s"), turn("configure", EPOCHS))
    answer = engine.understand("30 epochs", situation())
    assert (answer.engine, answer.usage, answer.usage.total) == ("gemini", Usage(14, 10, 4), 28)


@pytest.mark.parametrize("trouble", ["hang", "drip"])
def test_a_service_that_does_not_come_to_an_end_is_left_in_time(ask: Ask, trouble: str) -> None:
    _, engine = ask(turn(), trouble, timeout_s=10)
    engine.understand("hi", situation())  # the client is imported
    engine._timeout_s = 0.8
    began = time.monotonic()
    assert by_rules(engine.understand("30 epochs", situation()), "gemini_timeout")
    assert 0.7 < time.monotonic() - began < 2


def test_nobody_at_the_address_is_told_at_once_and_nothing_was_sent(
    nobodys_google: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Patience, "_pause", lambda *_: pytest.fail("it waited"))
    engine = GeminiEngine(KEY, MODEL, rules=Rules(), base_url="http://127.0.0.1:9")
    answer = engine.understand("30 epochs", situation())
    assert by_rules(answer, "gemini_offline")
    assert (answer.sent, answer.usage) == ({}, Usage())


def test_a_host_that_does_not_take_a_call_is_given_up_sooner_than_one_that_thinks(
    nobodys_google: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.chat.gemini._CONNECT_S", 0.5)
    with ExitStack() as stack:
        deaf = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):  # its queue is full: what comes later is not answered
            caller = stack.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(deaf.getsockname())
        address = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        engine = GeminiEngine(KEY, MODEL, rules=Rules(), base_url=address, timeout_s=10)
        began = time.monotonic()
        assert by_rules(engine.understand("30 epochs", situation()), "gemini_offline")
        assert time.monotonic() - began < 7


def test_a_wrong_key_is_told_with_what_to_do_and_where_and_is_in_no_text(ask: Ask) -> None:
    wrong = "AIzaWrongWrongWrongWrongWrongWrongWrong"
    server, engine = ask(key=wrong)
    answer = engine.understand("30 epochs", situation())
    assert by_rules(answer, "gemini_bad_key")
    assert "API key not valid" in answer.detail
    assert "GOOGLE_API_KEY" in answer.detail
    assert "https://aistudio.google.com/apikey" in answer.detail
    assert wrong not in f"{answer!r} {engine!r}"
    assert len(server.requests) == 1


@pytest.mark.parametrize("key", ["", " ", "a b", "ключ", "a\nb", "auth_tokens/abc"])
def test_a_key_that_cannot_be_one_is_told_without_asking(ask: Ask, key: str) -> None:
    server, engine = ask(turn(), key=key)
    answer = engine.understand("30 epochs", situation())
    assert by_rules(answer, "gemini_odd_key")
    assert "GOOGLE_API_KEY" in answer.detail
    assert (server.requests, answer.sent) == ([], {})


def test_a_service_that_says_the_key_aloud_is_not_quoted(ask: Ask) -> None:
    loud = refusal(500, "INTERNAL", f"Failed for key {KEY} of /data/someone\u202e " + "x" * 1000)
    _, engine = ask(loud, attempts=1)
    answer = engine.understand("30 epochs", situation())
    assert by_rules(answer, "gemini_unavailable")
    assert KEY not in answer.detail
    assert "someone" not in answer.detail
    assert len(answer.detail) <= 300


def test_a_failure_of_one_turn_does_not_touch_the_next(ask: Ask) -> None:
    _, engine = ask(*[UNAVAILABLE] * 3, turn("configure", EPOCHS))
    assert by_rules(engine.understand("30 epochs", situation()), "gemini_unavailable")
    assert engine.understand("30 epochs", situation()).engine == "gemini"


def test_prose_is_asked_again_before_its_first_word_and_never_after(ask: Ask) -> None:
    begun = said("Mosaic joins", finishReason=None)
    server, engine = ask(busy("0.1s"), [begun, {"trouble": "cut"}], [said("anew")])
    prose = engine.prose("what is mosaic?", situation())
    assert list(prose) == ["Mosaic joins"]
    assert (prose.text, prose.fallback) == ("Mosaic joins", "gemini_unavailable")
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("item", "text", "fallback"),
    [
        ([said("Half an"), said(" ans", finishReason="MAX_TOKENS")], "Half an ans", "gemini_truncated"),
        ([said("So", finishReason=None), said("", finishReason="SAFETY")], "So", "gemini_blocked"),
        ({"promptFeedback": {"blockReason": "OTHER"}}, "", "gemini_blocked"),
        (refusal(503, "UNAVAILABLE", "later"), "", "gemini_unavailable"),
        ([said("")], "", "gemini_unreadable"),
        (Bytes(200, b"data: {nonsense\r\n\r\n", {"content-type": "text/event-stream"}), "", "gemini_unreadable"),
    ],
)
def test_prose_that_fails_says_why_and_keeps_what_came_in(ask: Ask, item: Item, text: str, fallback: str) -> None:
    _, engine = ask(*[item] * 3)
    prose = engine.prose("what is mosaic?", situation())
    assert "".join(prose) == prose.text == text
    assert prose.fallback == fallback


def test_prose_that_falls_silent_is_left_in_time(ask: Ask) -> None:
    _, engine = ask(turn(), "hang", timeout_s=10)
    engine.understand("hi", situation())
    engine._timeout_s = 0.5
    prose = engine.prose("what is mosaic?", situation())
    assert list(prose) == []
    assert prose.fallback == "gemini_timeout"


def test_what_an_earlier_try_has_sent_was_sent(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    class ConnectError(Exception):
        """As the HTTP client's."""

    server, engine = ask(UNAVAILABLE)
    answer = engine.service.answer

    def refused_later(request: Any) -> Any:
        if server.requests:
            raise ConnectError
        return answer(request)

    monkeypatch.setattr(engine.service, "answer", refused_later)
    told = engine.understand("30 epochs", situation())
    assert by_rules(told, "gemini_offline")
    assert told.sent == server.sent


def test_prose_has_the_time_that_is_left_of_its_turn(ask: Ask) -> None:
    _, engine = ask(turn(), "hang", "hang", timeout_s=10)
    engine.understand("hi", situation())
    began = time.monotonic()
    prose = engine.prose("what is mosaic?", situation(), spent_s=9.5)
    assert list(prose) == []
    assert time.monotonic() - began < 2
    prose = engine.prose("what is mosaic?", situation(), spent_s=11)
    assert (list(prose), prose.fallback) == ([], "gemini_timeout")
