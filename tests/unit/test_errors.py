"""The error tree."""

from __future__ import annotations

import errno
import json
import pickle

import pytest

from workbench import errors
from workbench.errors import RequestError, StorageError, UnknownNameError, WorkbenchError, did_you_mean, storage_error


def tree(kind: type[WorkbenchError]) -> list[type[WorkbenchError]]:
    return [
        kind,
        *(found for child in kind.__subclasses__() for found in tree(child) if child.__module__ == kind.__module__),
    ]


@pytest.mark.parametrize("kind", tree(WorkbenchError))
def test_every_error_is_drawn_exits_with_1_or_2_and_crosses_processes(kind: type[WorkbenchError]) -> None:
    assert errors.__doc__ is not None
    assert f" {kind.__name__} " in errors.__doc__ or errors.__doc__.strip().find(kind.__name__) >= 0
    assert kind.exit_status == (2 if issubclass(kind, RequestError) else 1)
    error = pickle.loads(pickle.dumps(kind("a", "b", "c", name="x")))
    assert (type(error), str(error), error.fields) == (kind, "a b c", {"name": "x"})


def test_a_message_has_only_the_beats_that_are_there() -> None:
    assert str(WorkbenchError("Happened.", todo="Do.")) == "Happened. Do."


def test_the_payload_is_json_with_the_beats_and_the_fields() -> None:
    payload = UnknownNameError("No run 'x'.", "A run.", "Look.", name="x").to_payload()
    assert json.loads(json.dumps(payload)) == {
        "error": "UnknownNameError",
        "happened": "No run 'x'.",
        "expected": "A run.",
        "todo": "Look.",
        "name": "x",
    }


def test_a_close_word_is_offered_and_a_far_one_is_not() -> None:
    assert did_you_mean("mlfow", ["clearml", "mlflow"]) == "Did you mean 'mlflow'?"
    assert did_you_mean("zzz", ["clearml"]) == ""


def test_an_error_of_the_disk_names_the_file_and_the_reason() -> None:
    error = storage_error(OSError(errno.ENOSPC, "full"), "/a/b")
    assert isinstance(error, StorageError)
    assert error.happened == "Could not write '/a/b': No space left on device."
    assert storage_error(OSError("odd"), "/a").happened == "Could not write '/a': odd."
