from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from starlette.testclient import TestClient

from workbench.serving.app import Limits, create_app
from workbench.serving.decode import ImageLimits
from workbench.serving.model import Model, load_model

PREDICT = "/v1/models/colours/predict"


def png(red: int, green: int, blue: int, shape: tuple[int, int] = (64, 64)) -> bytes:
    return cv2.imencode(".png", np.full((*shape, 3), (blue, green, red), dtype=np.uint8))[1].tobytes()


@pytest.fixture
def model(model_folder: Path) -> Model:
    return load_model(model_folder)


@pytest.fixture
def client(model: Model) -> Iterator[TestClient]:
    limits = Limits(threads=2, queue=4, image=ImageLimits(bytes_max=100_000, pixels_max=40_000))
    with TestClient(create_app({"colours": model}, limits), raise_server_exceptions=False) as client:
        yield client


def post(client: TestClient, content: bytes, kind: str = "image/png", **query: object):
    return client.post(PREDICT, content=content, headers={"Content-Type": kind}, params=query)


def test_an_image_is_answered_in_the_shape_of_ultralytics(client: TestClient, model: Model) -> None:
    response = post(client, png(255, 0, 0, (32, 48)))
    assert response.status_code == 200
    (image,), metadata = response.json()["images"], response.json()["metadata"]
    assert image["shape"] == [32, 48]
    assert set(image["speed"]) == {"preprocess", "inference", "postprocess"}
    assert metadata["model"], metadata["sha256"] == ("colours", model.spec.sha256)
    expected = model.predict(np.full((32, 48, 3), (0, 0, 255), dtype=np.uint8))
    found = [(r["class"], r["name"], r["confidence"], tuple(r["box"].values())) for r in image["results"]]
    assert found == [(e.class_id, e.name, e.confidence, e.box) for e in expected]
    assert list(image["results"][0]["box"]) == ["x1", "y1", "x2", "y2"]


def test_the_query_sets_the_thresholds(client: TestClient) -> None:
    def count(**query: object) -> int:
        return len(post(client, png(255, 0, 0), **query).json()["images"][0]["results"])

    assert (count(), count(conf=0.95), count(iou=1)) == (2, 1, 3)
    assert post(client, png(255, 0, 0), conf=0.5).json()["metadata"]["conf"] == 0.5


def test_a_multipart_file_is_answered_like_the_raw_body(client: TestClient) -> None:
    raw, form = post(client, png(9, 200, 30)), client.post(PREDICT, files={"file": ("a.png", png(9, 200, 30))})
    assert form.json()["images"][0]["results"] == raw.json()["images"][0]["results"]


@pytest.mark.parametrize(
    ("request_", "happened"),
    [
        ({"files": {"image": ("a.png", b"x")}}, "no file in the field 'file' (fields: image)"),
        ({"data": {"file": "x"}, "files": {"other": ("a", b"x")}}, "no file in the field 'file'"),
        ({"files": {"file": ("a.png", b"")}}, "empty"),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data"}}, "Missing boundary"),
        ({"content": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=b"}}, "cannot be read"),
    ],
)
def test_a_multipart_body_without_an_image_is_refused(
    client: TestClient, request_: dict[str, object], happened: str
) -> None:
    response = client.post(PREDICT, **request_)
    assert response.status_code == 422
    assert happened in response.json()["happened"]


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"", "image/jpeg", 422),
        (b"garbage", "image/jpeg", 415),
        (png(1, 2, 3)[:-30], "image/png", 422),
        (b"hello", "text/plain", 415),
        (b"{}", "application/json", 415),
        (png(1, 2, 3, (201, 200)), "image/png", 413),
        (b"\xff" * 100_001, "image/jpeg", 413),
        (b"\xff" * 1_000_000, "image/jpeg", 413),
    ],
)
def test_bad_input_is_refused_in_three_beats_and_the_next_request_is_answered(
    client: TestClient, content: bytes, kind: str, status: int
) -> None:
    response = post(client, content, kind)
    assert response.status_code == status
    assert all(response.json()[beat] for beat in ("error", "happened", "expected", "todo"))
    assert post(client, png(255, 0, 0)).status_code == 200


def test_a_body_of_unknown_length_is_cut_off(client: TestClient) -> None:
    response = client.post(PREDICT, content=iter([b"\xff" * 60_000] * 3), headers={"Content-Type": "image/jpeg"})
    assert response.status_code == 413


@pytest.mark.parametrize("value", ["x", "nan", "-0.1", "1.01", "", "inf"])
def test_a_threshold_outside_zero_to_one_is_refused_by_name(client: TestClient, value: str) -> None:
    response = post(client, png(255, 0, 0), conf=value)
    assert response.status_code == 422
    assert response.json()["happened"] == f"conf is '{value}'."


def test_other_addresses_and_methods_are_answered_in_three_beats(client: TestClient) -> None:
    wrong_name = client.post("/v1/models/colour/predict", content=png(1, 2, 3))
    assert (wrong_name.status_code, wrong_name.json()["todo"]) == (404, "Did you mean 'colours'?")
    assert (client.get(PREDICT).status_code, client.get(PREDICT).json()["error"]) == (405, "WorkbenchError")
    assert (client.get("/nope").status_code, client.get("/nope").json()["error"]) == (404, "WorkbenchError")


def test_what_is_served_can_be_asked(client: TestClient, model: Model) -> None:
    assert client.get("/healthz").json() == {"status": "ready", "models": ["colours"]}
    (served,) = client.get("/v1/models").json()["models"]
    assert (served["names"], served["sha256"]) == (["red", "green", "blue"], model.spec.sha256)


def test_one_request_too_many_is_told_when_to_come_back(
    client: TestClient, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, leave, answer = threading.Semaphore(0), threading.Event(), model.answer

    def slow(*arguments: object):
        entered.release()
        assert leave.wait(60)
        return answer(*arguments)

    monkeypatch.setattr(model, "answer", slow)
    with ThreadPoolExecutor(6) as pool:
        waiting = [pool.submit(post, client, png(255, 0, 0)) for _ in range(6)]
        assert all(entered.acquire(timeout=10) for _ in range(2))
        refused = _until_refused(client)
        leave.set()
        assert [future.result().status_code for future in waiting] == [200] * 6
    assert int(refused.headers["Retry-After"]) >= 1
    assert refused.json()["error"] == "BusyError"
    assert post(client, png(255, 0, 0)).status_code == 200


def _until_refused(client: TestClient):
    # The other four of the six places are taken by requests that are still on their way
    deadline = time.monotonic() + 30
    while client.app.state.desk.admission._inside < 6 and time.monotonic() < deadline:
        assert client.get("/healthz").status_code == 200
        time.sleep(0.01)
    response = post(client, png(255, 0, 0))
    assert response.status_code == 429
    return response


def test_a_failure_of_the_app_is_answered_500_without_its_details(
    client: TestClient, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret")

    with monkeypatch.context() as patch:
        patch.setattr(model, "answer", fail)
        response = post(client, png(255, 0, 0))
    assert response.status_code == 500
    assert "secret" not in response.text
    assert response.json()["happened"]
    assert post(client, png(255, 0, 0)).status_code == 200
