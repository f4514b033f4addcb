"""The HTTP face of a model.

What lives here: routes, admission, and the JSON form of answers and errors. What does not: reading the request's body
(``upload``), the model (``model``), the process around it (``__main__``).

    POST /v1/models/{model}/predict   an image as the body, or as the multipart field ``file``; query: conf, iou
    GET  /v1/models                   what is served
    GET  /healthz                     200 once the models are loaded
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from workbench.errors import WorkbenchError, did_you_mean
from workbench.serving.decode import ImageLimits, decode
from workbench.serving.model import Answer, Model
from workbench.serving.refusals import BusyError, NotServedError, RefusalError
from workbench.serving.upload import drain, read_image

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Limits:
    """What the app takes on.

    Attributes:
        threads: images that are worked on at a time.
        queue: requests that may wait beyond those; the next one is answered 429.
        upload_s: seconds in which a body must have arrived.
        image: what one image may cost.
    """

    threads: int = 1
    queue: int = 64
    upload_s: float = 30.0
    image: ImageLimits = field(default_factory=ImageLimits)


class Admission:
    """Counts the requests inside, and refuses one too many."""

    def __init__(self, capacity: int) -> None:
        self._capacity, self._inside, self._lock = capacity, 0, threading.Lock()

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Hold a place while the block runs.

        Raises:
            BusyError: when all places are taken.
        """
        with self._lock:
            if self._inside >= self._capacity:
                raise BusyError(
                    f"{self._inside} requests are being answered or wait.",
                    f"At most {self._capacity} at a time.",
                    "Send the request again after the seconds in Retry-After.",
                    capacity=self._capacity,
                )
            self._inside += 1
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1


@dataclass(frozen=True)
class _Desk:
    """What the request handlers share."""

    models: Mapping[str, Model]
    limits: Limits
    admission: Admission
    pool: ThreadPoolExecutor


def create_app(models: Mapping[str, Model], limits: Limits | None = None) -> Starlette:
    """Return the app that serves ``models`` by name."""
    limits = limits or Limits()
    pool = ThreadPoolExecutor(limits.threads, thread_name_prefix="inference")
    desk = _Desk(dict(models), limits, Admission(limits.threads + limits.queue), pool)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        pool.shutdown()

    app = Starlette(
        routes=[
            Route("/healthz", _health),
            Route("/v1/models", _models),
            Route("/v1/models/{model}/predict", _predict, methods=["POST"]),
        ],
        exception_handlers={RefusalError: _refused, HTTPException: _http_error, Exception: _failed},
        lifespan=lifespan,
    )
    app.state.desk = desk
    return app


async def _health(request: Request) -> Response:
    desk: _Desk = request.app.state.desk
    return _json({"status": "ready", "models": sorted(desk.models)})


async def _models(request: Request) -> Response:
    desk: _Desk = request.app.state.desk
    return _json({"models": [_described(name, model) for name, model in sorted(desk.models.items())]})


def _described(name: str, model: Model) -> dict[str, Any]:
    spec = model.spec
    return {
        "name": name,
        "task": spec.task,
        "names": spec.names,
        "imgsz": spec.imgsz,
        "conf": spec.conf,
        "iou": spec.iou,
        "sha256": spec.sha256,
        "licence": spec.licence,
    }


async def _predict(request: Request) -> Response:
    desk: _Desk = request.app.state.desk
    name = request.path_params["model"]
    try:
        model = _known(desk, name)
        conf = _share(request, "conf", model.spec.conf)
        iou = _share(request, "iou", model.spec.iou)
        with desk.admission.enter():
            data = await read_image(request, desk.limits.image, desk.limits.upload_s)
            loop = asyncio.get_running_loop()
            answer = await loop.run_in_executor(desk.pool, _answer, model, data, desk, (conf, iou))
    except RefusalError:
        await drain(request, desk.limits.image)
        raise
    return _json(_reply(name, model, answer, (conf, iou)))


def _answer(model: Model, data: bytes, desk: _Desk, thresholds: tuple[float, float]) -> Answer:
    return model.answer(decode(data, desk.limits.image), *thresholds)


def _known(desk: _Desk, name: str) -> Model:
    if name not in desk.models:
        raise NotServedError(
            f"No model is served as '{name}'.",
            f"Served models: {', '.join(sorted(desk.models))}.",
            did_you_mean(name, desk.models) or "GET /v1/models lists them.",
            model=name,
        )
    return desk.models[name]


def _share(request: Request, name: str, default: float) -> float:
    text = request.query_params.get(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise RefusalError(f"{name} is '{text}'.", "A number from 0 to 1.", f"Correct or leave out {name}.", field=name)
    return value


def _reply(name: str, model: Model, answer: Answer, thresholds: tuple[float, float]) -> dict[str, Any]:
    results = [
        {
            "class": found.class_id,
            "name": found.name,
            "confidence": found.confidence,
            "box": dict(zip(("x1", "y1", "x2", "y2"), found.box, strict=True)),
        }
        for found in answer.detections
    ]
    metadata = {
        "model": name,
        "task": model.spec.task,
        "sha256": model.spec.sha256,
        "imageCount": 1,
        "conf": thresholds[0],
        "iou": thresholds[1],
    }
    return {"images": [{"shape": answer.shape, "results": results, "speed": answer.speed_ms}], "metadata": metadata}


def _json(content: dict[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), status, headers, media_type="application/json")


def _refused(_: Request, error: Exception) -> Response:
    if not isinstance(error, RefusalError):
        raise error
    headers = {"Retry-After": "1"} if isinstance(error, BusyError) else None
    return _json(error.to_payload(), error.status, headers)


def _http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    payload = WorkbenchError(
        f"{request.method} {request.url.path} is answered {error.status_code} ({error.detail}).",
        "POST /v1/models/{model}/predict, GET /v1/models or GET /healthz.",
        "Correct the address or the method.",
    ).to_payload()
    return _json(payload, error.status_code, error.headers)


def _failed(_: Request, error: Exception) -> Response:
    payload = WorkbenchError(
        f"The endpoint failed while it answered ({type(error).__name__}).",
        "An answer.",
        "Its log has the details; the next request is answered as usual.",
    ).to_payload()
    return _json(payload, 500)
