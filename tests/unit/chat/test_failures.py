"""What can go wrong with Gemini, and what it means."""

from __future__ import annotations

import pytest

from workbench.chat import failures
from workbench.chat.turn import Usage


def test_a_key_of_any_shape_is_taken_out_of_what_the_service_says() -> None:
    assert failures.told("key plainwords failed", "plainwords") == "key <secret> failed"


@pytest.mark.parametrize(
    ("reason", "key"),
    [
        ("STOP", None),
        ("", None),
        ("MAX_TOKENS", "gemini_truncated"),
        ("SPII", "gemini_blocked"),
        ("OTHER", "gemini_unreadable"),
    ],
)
def test_only_an_answer_that_came_to_its_end_is_one(reason: str, key: str | None) -> None:
    ended = failures.ending(reason, Usage(1, 2, 3))
    assert (ended.key if ended else None) == key
    assert ended is None or ended.usage == Usage(1, 2, 3)


@pytest.mark.parametrize(
    ("error", "key", "retry"),
    [
        (ImportError("no module named google"), "gemini_unavailable", False),
        (TimeoutError(), "gemini_timeout", False),
        (KeyError("candidates"), "gemini_unreadable", True),
    ],
)
def test_an_error_that_is_none_of_the_services_has_a_meaning_too(error: Exception, key: str, retry: bool) -> None:
    failed = failures.failure(error)
    assert (failed.key, failed.retry) == (key, retry)


def test_nobody_is_left_alone_for_longer_than_ten_minutes() -> None:
    assert failures.Failure("gemini_rate_limit", delay_s=86_400).rest_s == 600
    assert failures.Failure("gemini_unreadable").rest_s == 0


class APIError(Exception):
    """As the client's: an answer with a status other than 200."""

    code, status, message, response = 403, "PERMISSION_DENIED", "Gemini API has not been used in project 1.", None

    def __init__(self, reason: str) -> None:
        self.details = {"error": {"details": [{"reason": reason}]}}


def test_an_api_that_is_not_switched_on_is_no_bad_key() -> None:
    failed = failures.failure(APIError("SERVICE_DISABLED"))
    assert (failed.key, failed.retry) == ("gemini_disabled", False)
    assert "Generative Language API" in failed.detail
    assert failures.failure(APIError("OTHER")).key == "gemini_bad_key"
