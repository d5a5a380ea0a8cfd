"""Webhooks: register, list and delete them, and send again what was given up."""

import json
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from moodcue_gateway.outlets import OUTLET_TOPICS
from moodcue_gateway.parts import Parts
from moodcue_gateway.problems import ProblemError, documented
from moodcue_gateway.webhooks.service import HookState, WebhookError
from moodcue_gateway.webhooks.targets import TargetError


def _lasting_topic(topic: str) -> str:
    if not topic.startswith(OUTLET_TOPICS) or any(mark.isspace() for mark in topic):
        raise ValueError(f"webhooks carry topics that begin with {' or '.join(OUTLET_TOPICS)}")
    return topic


class WebhookRequest(BaseModel):
    """Where events are to be sent."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"url": "http://192.168.1.5:8123/hook", "topics": ["recommendation/"]}]
        },
    )

    url: str = Field(min_length=1, max_length=2000, description="http or https, of any port")
    topics: list[Annotated[str, Field(max_length=200), AfterValidator(_lasting_topic)]] = Field(
        ["recommendation/"],
        min_length=1,
        max_length=16,
        description="topics or their beginnings, of all events but live readings",
    )


class WebhookModel(BaseModel):
    """A webhook and how it fares."""

    id: str
    url: str
    topics: list[str]
    created: int = Field(description="UTC, nanoseconds since 1970")
    waiting: int = Field(description="events on their way")
    dead_letters: int = Field(description="events given up and kept")
    dropped: int = Field(description="events given up and no longer kept")
    problem: str = Field(description="why the last attempt failed, empty if it did not")


class NewWebhookModel(BaseModel):
    """A webhook that was just registered."""

    id: str
    url: str
    topics: list[str]
    created: int = Field(description="UTC, nanoseconds since 1970")
    secret: str = Field(description="to verify signatures with; it is shown this once")


class WebhookList(BaseModel):
    """All webhooks, oldest first."""

    webhooks: list[WebhookModel]


class DeadLetterModel(BaseModel):
    """An event that was given up."""

    id: str = Field(description="of the event")
    problem: str = Field(description="why it was given up")
    event: dict[str, Any]


class DeadLetterList(BaseModel):
    """Events that were given up, oldest first."""

    dead_letters: list[DeadLetterModel]


class ResendRequest(BaseModel):
    """Which dead letters to send again."""

    model_config = ConfigDict(extra="forbid")

    ids: list[str] | None = Field(None, max_length=1000, description="of events; none: all")


class ResendModel(BaseModel):
    """How many dead letters wait again."""

    resent: int


def router(parts: Parts) -> APIRouter:
    """Make the routes."""
    routes = APIRouter(
        prefix="/v1/webhooks",
        tags=["webhooks"],
        responses=documented(HTTPStatus.SERVICE_UNAVAILABLE),
    )
    not_found = documented(HTTPStatus.NOT_FOUND)

    @routes.post(
        "",
        status_code=HTTPStatus.CREATED,
        responses=documented(HTTPStatus.UNPROCESSABLE_ENTITY),
    )
    async def register(wish: WebhookRequest) -> NewWebhookModel:
        """Register a webhook; the newest event of each of its topics is sent to it at once."""
        try:
            hook = await parts.webhooks.register(wish.url, wish.topics)
        except TargetError as error:
            raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None
        except WebhookError as error:
            raise _unavailable(error) from None
        return NewWebhookModel(
            id=hook.id,
            url=hook.url,
            topics=list(hook.topics),
            created=hook.created,
            secret=hook.secret,
        )

    @routes.get("")
    async def webhooks() -> WebhookList:
        """List the webhooks."""
        try:
            states = parts.webhooks.states()
        except WebhookError as error:
            raise _unavailable(error) from None
        return WebhookList(webhooks=[_model(state) for state in states])

    @routes.delete("/{webhook}", status_code=HTTPStatus.NO_CONTENT, responses=not_found)
    async def remove(webhook: str) -> None:
        """Delete a webhook and all that waits for it."""
        _check_known(parts, webhook)
        await parts.webhooks.remove(webhook)

    @routes.get("/{webhook}/dead-letters", responses=not_found)
    async def dead_letters(
        webhook: str, limit: Annotated[int, Query(ge=1, le=1000)] = 100
    ) -> DeadLetterList:
        """List the events that were given up."""
        _check_known(parts, webhook)
        letters = parts.webhooks.dead_letters(webhook, limit=limit)
        return DeadLetterList(
            dead_letters=[
                DeadLetterModel(id=one.event, problem=one.failure or "", event=json.loads(one.body))
                for one in letters
            ]
        )

    @routes.post("/{webhook}/dead-letters/resend", responses=not_found)
    async def resend(webhook: str, wish: ResendRequest) -> ResendModel:
        """Send dead letters again, before what waits."""
        _check_known(parts, webhook)
        return ResendModel(resent=parts.webhooks.resend(webhook, wish.ids))

    return routes


def _check_known(parts: Parts, webhook: str) -> None:
    if not parts.webhooks.has(webhook):
        raise ProblemError(HTTPStatus.NOT_FOUND, f"there is no webhook {webhook!r}")


def _unavailable(error: WebhookError) -> ProblemError:
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, str(error))


def _model(state: HookState) -> WebhookModel:
    return WebhookModel(
        id=state.hook.id,
        url=state.hook.url,
        topics=list(state.hook.topics),
        created=state.hook.created,
        waiting=state.counts.waiting,
        dead_letters=state.counts.dead,
        dropped=state.counts.dropped,
        problem=state.failure,
    )
