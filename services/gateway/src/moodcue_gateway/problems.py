"""Errors as `application/problem+json` (RFC 9457)."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response, WebSocket
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from moodcue.errors import IndexUnavailableError, ProtocolError

MEDIA_TYPE = "application/problem+json"
MAX_SHOWN = 80
"""Characters of a wrong value that an answer repeats."""

_log = structlog.get_logger(__name__)


class Problem(BaseModel):
    """What went wrong, for a program (`status`) and for a person (`detail`)."""

    type: str = "about:blank"
    title: str = Field(description="the name of the status")
    status: int = Field(ge=400, le=599)
    detail: str = Field("", description="what is wrong and what to do, in a sentence")
    errors: list[dict[str, Any]] = Field([], description="fields of the request that are wrong")


class ProblemError(Exception):
    """Raised by a route to answer with a problem."""

    def __init__(
        self, status: HTTPStatus, detail: str, *, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers


def problem_response(
    status: int,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    errors: list[dict[str, Any]] | None = None,
) -> Response:
    """Build the answer for a problem."""
    problem = Problem(
        title=HTTPStatus(status).phrase, status=status, detail=detail, errors=errors or []
    )
    return JSONResponse(
        problem.model_dump(), status_code=status, headers=headers, media_type=MEDIA_TYPE
    )


def documented(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Describe the problems that a route can answer with, for the OpenAPI document."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status.value: {
            "description": status.phrase,
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        for status in statuses
    }


def invalid_response(error: RequestValidationError | WebSocketRequestValidationError) -> Response:
    """Build the answer for a request whose fields are wrong."""
    errors = [_field_problem(one) for one in error.errors()]
    first = f"{errors[0]['at']}: {errors[0]['problem']}"
    return problem_response(HTTPStatus.UNPROCESSABLE_ENTITY, first, errors=jsonable_encoder(errors))


def _field_problem(error: Mapping[str, Any]) -> dict[str, str]:
    """Say where a request is wrong, how, and what was given there."""
    at = ".".join(map(str, error["loc"]))
    given = error.get("input")
    match error["type"]:
        case "json_invalid":
            where = error["loc"][-1]
            return {
                "at": "body",
                "problem": f"no JSON: {error['ctx']['error']} at character {where}",
            }
        case "extra_forbidden":
            problem = "there is no such field"
        case _ if isinstance(given, str | int | float):
            shown = repr(given)[:MAX_SHOWN]
            problem = f"{error['msg'].removeprefix('Value error, ')}, not {shown}"
        case _:
            problem = error["msg"].removeprefix("Value error, ")
    return {"at": at, "problem": problem}


def install(app: FastAPI) -> None:
    """Answer every error of an app with a problem; a WebSocket gets it instead of its upgrade."""

    @app.exception_handler(ProblemError)
    async def _problem(connection: Request | WebSocket, error: ProblemError) -> Response:
        answer = problem_response(error.status, error.detail, headers=error.headers)
        return await _answered(connection, answer)

    @app.exception_handler(HTTPException)
    async def _http(_: Request, error: HTTPException) -> Response:
        return problem_response(error.status_code, str(error.detail), headers=error.headers)

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> Response:
        return invalid_response(error)

    @app.exception_handler(WebSocketRequestValidationError)
    async def _invalid_upgrade(
        connection: WebSocket, error: WebSocketRequestValidationError
    ) -> None:
        await connection.send_denial_response(invalid_response(error))

    @app.exception_handler(ProtocolError)
    async def _protocol(connection: Request | WebSocket, error: ProtocolError) -> Response:
        answer = problem_response(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
        return await _answered(connection, answer)

    @app.exception_handler(IndexUnavailableError)
    async def _no_index(_: Request, error: IndexUnavailableError) -> Response:
        return problem_response(HTTPStatus.SERVICE_UNAVAILABLE, str(error))

    @app.exception_handler(Exception)
    async def _unexpected(request: Request, error: Exception) -> Response:
        _log.error("request.failed", path=request.url.path, exc_info=error)
        return problem_response(
            HTTPStatus.INTERNAL_SERVER_ERROR, "the gateway failed; its log says why"
        )


async def _answered(connection: Request | WebSocket, answer: Response) -> Response:
    # What a handler returns is sent to HTTP clients only.
    if isinstance(connection, WebSocket):
        await connection.send_denial_response(answer)
    return answer
