"""The page and its files, as they lie in the package."""

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse, JSONResponse
from starlette.staticfiles import StaticFiles

from moodcue_gateway.asyncapi import asyncapi_document

STATIC = Path(__file__).resolve().parent.parent / "static"


def mount(app: FastAPI) -> None:
    """Serve the page at `/`, the description of the interfaces at `/docs`, and their files."""

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return _html("index.html")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> FileResponse:
        return _html("docs.html")

    @app.get("/asyncapi.json", include_in_schema=False)
    async def asyncapi() -> JSONResponse:
        return JSONResponse(asyncapi_document())

    app.mount("/static", StaticFiles(directory=STATIC), name="static")


def _html(name: str) -> FileResponse:
    # Asked for again each time, so that a new version is seen at once.
    return FileResponse(STATIC / name, headers={"Cache-Control": "no-cache"})
