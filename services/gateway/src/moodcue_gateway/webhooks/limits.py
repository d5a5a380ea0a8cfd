"""Bounds of the webhooks."""

from dataclasses import dataclass

from moodcue_gateway.webhooks.targets import Reach


@dataclass(frozen=True)
class WebhookLimits:
    """Bounds of the webhooks.

    Attributes:
        hooks: how many may be registered.
        reach: how near they may come.
        timeout_seconds: for an attempt.
        attempts: before an event is given up.
        retry_seconds: wait after the first failed attempt; doubles with each, up to a minute.
        queue: events that wait for one webhook.
        dead: events given up that are kept for one webhook.
    """

    hooks: int
    reach: Reach
    timeout_seconds: float
    attempts: int
    retry_seconds: float
    queue: int
    dead: int
