"""Recommendations and windows, and asking for songs."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query

from moodcue.events import EmotionWindow, Recommendation
from moodcue_gateway.asking import ASK_PROBLEMS, ask
from moodcue_gateway.parts import Parts
from moodcue_gateway.problems import ProblemError, documented
from moodcue_gateway.schemas import (
    Name,
    RecommendationList,
    RecommendationModel,
    WindowModel,
    WishModel,
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
        responses=documented(*ASK_PROBLEMS),
    )
    async def recommend(wish: WishModel) -> RecommendationModel:
        """Ask for songs by a mood, or say how they are to be chosen.

        The answer is a recommendation that everybody sees.
        """
        return from_event(RecommendationModel, await ask(parts, wish.camera, **wish.fields()))

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
