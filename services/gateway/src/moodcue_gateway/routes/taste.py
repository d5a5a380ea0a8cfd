"""What a room's feedback has taught: look, take along, forget."""

import csv
import io
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Response

from moodcue.events import Taste
from moodcue_gateway.asking import ASK_PROBLEMS, ask
from moodcue_gateway.parts import Parts
from moodcue_gateway.problems import documented
from moodcue_gateway.schemas import Name, TasteEntryModel, TasteModel

Camera = Annotated[Name, Query(description="whose taste")]


def router(parts: Parts) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(prefix="/v1/taste", tags=["taste"])

    @routes.get("")
    async def taste(camera: Camera = "manual") -> TasteModel:
        """Get all that a room has taught, the most told of first."""
        return _taste(parts, camera)

    @routes.get(".csv", response_class=Response, responses={200: {"content": {"text/csv": {}}}})
    async def taste_csv(camera: Camera = "manual") -> Response:
        """Get the same as a table, to keep or to look at in a spreadsheet."""
        return Response(
            _as_csv(_taste(parts, camera)),
            media_type="text/csv",
            headers={"Content-Disposition": f'attachment; filename="taste-{camera}.csv"'},
        )

    @routes.delete("", status_code=HTTPStatus.NO_CONTENT, responses=documented(*ASK_PROBLEMS))
    async def forget(camera: Camera = "manual") -> None:
        """Forget all feedback of a room."""
        await ask(parts, camera, reset_taste=True)

    return routes


def _taste(parts: Parts, camera: str) -> TasteModel:
    event = parts.live.newest(Taste, camera=camera)
    return TasteModel.model_validate(
        {"camera": camera, "entries": event.entries if event else ()}, from_attributes=True
    )


def _as_csv(taste: TasteModel) -> str:
    text = io.StringIO()
    rows = csv.writer(text)
    names = [name for name in TasteEntryModel.model_fields if name != "liking"]
    rows.writerow([*names, "liking", "low", "high"])
    for entry in taste.entries:
        liking = entry.liking
        own = [getattr(entry, name) for name in names]
        rows.writerow([*own, liking.mean, liking.low, liking.high])
    return text.getvalue()
