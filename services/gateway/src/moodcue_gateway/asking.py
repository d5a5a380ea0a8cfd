"""Asking the recommender: a request goes out, the recommendation that names it is waited for."""

import asyncio
import time
from http import HTTPStatus
from typing import Any

from moodcue.errors import BusError
from moodcue.events import HoldReason, Recommendation, RecommendationRequest
from moodcue.identity import new_id, new_trace
from moodcue.tracing import Step
from moodcue_gateway.parts import Parts
from moodcue_gateway.problems import ProblemError

ASK_PROBLEMS = (
    HTTPStatus.UNPROCESSABLE_ENTITY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
)
"""The statuses of the problems that `ask` raises."""


async def ask(parts: Parts, camera: str, **wish: Any) -> Recommendation:
    """Publish a request and return its answer.

    Args:
        parts: of the gateway.
        camera: room that the request is for.
        wish: the fields of the request that say what is wanted.

    Raises:
        ProblemError: if the broker is silent, no answer comes in time, or the recommender did not
            understand.
    """
    silence = parts.bus.silence()
    if silence:
        # Otherwise the request would wait for the broker and come out of nowhere later.
        parts.metrics.requests.labels("no_broker").inc()
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, silence)
    name, source, seq = parts.bus.source_of(camera)
    request = RecommendationRequest(
        id=new_id(),
        source=source,
        seq=seq,
        time=parts.clock(),
        trace=new_trace(),
        camera=camera,
        **wish,
    )
    began = time.monotonic()
    seconds = parts.settings.answer_timeout_seconds
    with parts.live.answer_to(request.id) as answer:
        try:
            parts.bus.request(request)
            async with asyncio.timeout(seconds):
                event = await answer
        except TimeoutError:
            parts.metrics.requests.labels("timeout").inc()
            raise ProblemError(
                HTTPStatus.GATEWAY_TIMEOUT,
                f"no answer on {name} within {seconds:g} s; "
                f"{parts.check() or 'the recommender is busy, try again'}",
            ) from None
        except BusError as error:
            parts.metrics.requests.labels("queue_full").inc()
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from None
    if parts.tracer is not None:
        parts.tracer.record(_step_of(request, end=parts.clock()))
    parts.metrics.requests.labels("answered").inc()
    parts.metrics.answer_seconds.observe(time.monotonic() - began)
    if event.hold is HoldReason.NOT_UNDERSTOOD:
        raise ProblemError(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            event.detail or "the recommender did not understand the request",
        )
    return event


def _step_of(request: RecommendationRequest, *, end: int) -> Step:
    return Step(
        name="ask for songs",
        trace=request.trace,
        start=request.time,
        end=end,
        made=request.id,
        attributes={"camera": request.camera},
    )
