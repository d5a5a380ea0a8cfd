"""Recommendations and windows, and asking for songs by mood."""

import asyncio
import time
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query

from moodcue.errors import BusError
from moodcue.events import (
    EmotionWindow,
    HoldReason,
    Recommendation,
    RecommendationRequest,
)
from moodcue.identity import new_id, new_trace
from moodcue.taxonomy import vector_from_mapping
from moodcue_gateway.parts import Parts
from moodcue_gateway.problems import ProblemError, documented
from moodcue_gateway.schemas import (
    MoodRequest,
    Name,
    RecommendationList,
    RecommendationModel,
    WindowModel,
    from_event,
)

Camera = Annotated[Name | None, Query(description="only of this camera")]


def router(parts: Parts) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(prefix="/v1", tags=["recommendations"])
    not_found = documented(HTTPStatus.NOT_FOUND)

    @routes.get("/recommendations/latest", responses=not_found)
    async def latest_recommendation(camera: Camera = None) -> RecommendationModel:
        """Get the newest recommendation."""
        event = parts.live.newest(Recommendation, camera=camera)
        if event is None:
            raise _nothing_yet("recommendation", camera)
        return from_event(RecommendationModel, event)

    @routes.get("/recommendations")
    async def recommendations(
        since: Annotated[
            int | None,
            Query(ge=0, description="only those after this sequence number, the oldest first"),
        ] = None,
        camera: Camera = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> RecommendationList:
        """Get the newest recommendations, or those after a sequence number.

        Sequence numbers count per camera.
        """
        return _listed(parts.live.recommendations(camera=camera), since=since, limit=limit)

    @routes.get("/windows/latest", responses=not_found)
    async def latest_window(camera: Camera = None) -> WindowModel:
        """Get the newest emotion window."""
        event = parts.live.newest(EmotionWindow, camera=camera)
        if event is None:
            raise _nothing_yet("emotion window", camera)
        return from_event(WindowModel, event)

    @routes.post(
        "/recommend",
        responses=documented(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            HTTPStatus.SERVICE_UNAVAILABLE,
            HTTPStatus.GATEWAY_TIMEOUT,
        ),
    )
    async def recommend(wish: MoodRequest) -> RecommendationModel:
        """Ask for songs by a mood; the answer is a recommendation that everybody sees."""
        answer = await _ask(parts, wish)
        if answer.hold is HoldReason.NOT_UNDERSTOOD:
            raise ProblemError(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                answer.detail or "the recommender did not understand the request",
            )
        return from_event(RecommendationModel, answer)

    return routes


def _nothing_yet(what: str, camera: str | None) -> ProblemError:
    where = f" of the camera {camera!r}" if camera else ""
    return ProblemError(
        HTTPStatus.NOT_FOUND,
        f"there is no {what}{where} yet; one comes with the end of the first window",
    )


def _listed(events: list[Recommendation], *, since: int | None, limit: int) -> RecommendationList:
    if since is None:
        chosen, complete = events[-limit:], True
    else:
        chosen = [event for event in events if event.seq > since][:limit]
        oldest: dict[str, int] = {}
        for event in events:
            oldest[event.camera] = min(event.seq, oldest.get(event.camera, event.seq))
        complete = all(seq <= since + 1 for seq in oldest.values())
    models = [from_event(RecommendationModel, event) for event in chosen]
    return RecommendationList(recommendations=models, complete=complete)


async def _ask(parts: Parts, wish: MoodRequest) -> Recommendation:
    probabilities = vector_from_mapping(wish.emotions) if wish.emotions else None
    silence = parts.bus.silence()
    if silence:
        # Otherwise the request would wait for the broker and come out of nowhere later.
        parts.metrics.requests.labels("no_broker").inc()
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, silence)
    name, source, seq = parts.bus.source_of(wish.camera)
    request = RecommendationRequest(
        id=new_id(),
        source=source,
        seq=seq,
        time=parts.clock(),
        trace=new_trace(),
        camera=wish.camera,
        mood=wish.mood,
        point=wish.point,
        probabilities=probabilities,
        count=wish.count,
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
    parts.metrics.requests.labels("answered").inc()
    parts.metrics.answer_seconds.observe(time.monotonic() - began)
    return event
