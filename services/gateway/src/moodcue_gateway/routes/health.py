"""Health of the gateway, and of the system as it hears it."""

from http import HTTPStatus

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from moodcue.errors import IndexUnavailableError
from moodcue.health import Problem
from moodcue_gateway.parts import Parts
from moodcue_gateway.schemas import SystemModel
from moodcue_gateway.system import is_live, missing_services


def router(parts: Parts) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(tags=["health"])

    @routes.get("/v1/status")
    async def status() -> SystemModel:
        """Get the processes of the system, their counters, and what is missing."""
        services = parts.services()
        problem = parts.check()
        try:
            catalogue = await parts.library.catalogue()
        except IndexUnavailableError:
            songs, generation = 0, ""
        else:
            songs, generation = len(catalogue.songs), catalogue.generation
        return SystemModel(
            ready=problem is None,
            problem=problem or "",
            missing=missing_services(services),
            workers=sum(one.service == "fer" and is_live(one) for one in services),
            songs=songs,
            generation=generation,
            services=services,
        )

    @routes.get("/healthz", response_class=PlainTextResponse)
    async def healthz() -> Response:
        """Say whether this process works; if not, it wants a restart."""
        return _page(parts.bus.problem())

    @routes.get("/readyz", response_class=PlainTextResponse)
    async def readyz() -> Response:
        """Say whether requests can be answered, or what is missing."""
        return _page(parts.bus.problem() or parts.check())

    @routes.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Get the metrics of this process in the format of Prometheus."""
        # Not `media_type`, to which a character set would be added.
        return Response(
            generate_latest(parts.metrics.registry),
            headers={"Content-Type": CONTENT_TYPE_LATEST},
        )

    return routes


def _page(problem: Problem) -> Response:
    status = HTTPStatus.OK if problem is None else HTTPStatus.SERVICE_UNAVAILABLE
    return PlainTextResponse(f"{problem or 'ok'}\n", status_code=status)
