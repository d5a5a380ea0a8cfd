"""Takes events for webhooks as they happen and delivers them, each webhook in its own order."""

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from moodcue.events import Status
from moodcue.identity import new_id, system_clock
from moodcue_gateway.journal import Entry, Gap
from moodcue_gateway.live import Live, Stream
from moodcue_gateway.metrics import GatewayMetrics
from moodcue_gateway.outlets import OUTLET_TOPICS, HeartbeatFilter
from moodcue_gateway.webhooks.limits import WebhookLimits
from moodcue_gateway.webhooks.sender import Sender, http_client
from moodcue_gateway.webhooks.signature import new_secret
from moodcue_gateway.webhooks.store import Counts, Delivery, Hook, News, StoreError, WebhookStore
from moodcue_gateway.webhooks.targets import allowed_address, parse_target

_MAX_WAIT_SECONDS = 60.0
_log = structlog.get_logger(__name__)


class WebhookError(StoreError):
    """A wish about webhooks cannot be met now."""


@dataclass
class _Running:
    hook: Hook
    news: asyncio.Event = field(default_factory=asyncio.Event)
    failure: str = ""
    task: asyncio.Task[None] | None = None


@dataclass(frozen=True)
class HookState:
    """A webhook and how it fares; `failure` is that of the last attempt, empty if it was taken."""

    hook: Hook
    counts: Counts
    failure: str


class Webhooks:
    """All webhooks of the gateway. Everything here belongs to the event loop.

    Args:
        folder: of the file that keeps what is promised.
        live: where events come from.
        limits: bounds.
        remembered: ids of events that are known when they come again, over a restart too.
        metrics: to count in.
        chance: gives numbers of [0, 1) for the jitter.
    """

    def __init__(
        self,
        folder: Path,
        live: Live,
        *,
        limits: WebhookLimits,
        remembered: int,
        metrics: GatewayMetrics,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._folder = folder
        self._live = live
        self._limits = limits
        self._remembered = remembered
        self._metrics = metrics
        self._chance = chance
        self._running: dict[str, _Running] = {}
        self._heartbeats = HeartbeatFilter()
        self._store: WebhookStore | None = None
        self._stream: Stream | None = None
        self._problem = "the gateway is not open"

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Deliver while the block runs. A file that cannot be used keeps only webhooks from it."""
        async with AsyncExitStack() as stack:
            try:
                self._store = WebhookStore(
                    self._folder,
                    queue=self._limits.queue,
                    dead=self._limits.dead,
                    remembered=self._remembered,
                )
            except StoreError as error:
                self._problem = f"{error}; see MOODCUE_GATEWAY_STATE_DIR"
                _log.warning("webhooks.unavailable", reason=str(error))
            else:
                await self._open(stack, self._store)
            yield

    async def _open(self, stack: AsyncExitStack, store: WebhookStore) -> None:
        stack.callback(store.close)
        client = await stack.enter_async_context(http_client())
        self._sender = Sender(
            client, reach=self._limits.reach, timeout_seconds=self._limits.timeout_seconds
        )
        # From the beginning of the journal: the store knows what it has seen before.
        self._stream = stack.enter_context(
            self._live.stream(OUTLET_TOPICS, last_event_id="", resident=True)
        )
        stack.push_async_callback(self._stop)
        for hook in store.hooks():
            self._start(hook)
        self._intake = asyncio.create_task(self._take_in(store, self._stream))

    async def _stop(self) -> None:
        tasks = [self._intake, *(one.task for one in self._running.values() if one.task)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._running.clear()
        self._store = self._stream = None
        self._problem = "the gateway is closing"

    async def register(self, url: str, topics: Sequence[str]) -> Hook:
        """Register a webhook and send it the newest event of each of its topics.

        Raises:
            TargetError: if it may not go where the URL points.
            WebhookError: if there are too many, or none can be kept.
        """
        await allowed_address(parse_target(url), self._limits.reach)
        store = self._open_store()
        if len(self._running) >= self._limits.hooks:
            raise WebhookError(
                f"all {self._limits.hooks} places for webhooks are taken; delete one, or raise "
                "MOODCUE_GATEWAY_MAX_WEBHOOKS"
            )
        self._take_pending(store)
        hook = Hook(new_id(), url, tuple(topics), new_secret(), system_clock())
        newest = [_news(entry) for entry in self._live.newest_entries(hook.topics)]
        store.add(hook, known=[entry.event.id for entry in self._live.journal], first=newest)
        self._start(hook)
        _log.info("webhook.registered", id=hook.id)
        return hook

    async def remove(self, hook_id: str) -> bool:
        """Forget a webhook and all that waits for it; False if there is none."""
        store = self._open_store()
        running = self._running.pop(hook_id, None)
        if running is not None and running.task is not None:
            running.task.cancel()
            with suppress(asyncio.CancelledError):
                await running.task
        return store.remove(hook_id)

    def states(self) -> list[HookState]:
        """Return all webhooks and how they fare."""
        store = self._open_store()
        return [
            HookState(one.hook, store.counts(one.hook.id), one.failure)
            for one in self._running.values()
        ]

    def has(self, hook_id: str) -> bool:
        """Say whether a webhook is registered."""
        return hook_id in self._running

    def dead_letters(self, hook_id: str, *, limit: int) -> list[Delivery]:
        """Return events that were given up, oldest first."""
        return self._open_store().dead_letters(hook_id, limit=limit)

    def resend(self, hook_id: str, events: Sequence[str] | None) -> int:
        """Send dead letters again; None: all. Returns how many."""
        count = self._open_store().resend(hook_id, events)
        self._running[hook_id].news.set()
        return count

    def _open_store(self) -> WebhookStore:
        if self._store is None:
            raise WebhookError(f"webhooks are not available: {self._problem}")
        return self._store

    async def _take_in(self, store: WebhookStore, stream: Stream) -> None:
        while batch := await stream.batch():
            self._accept(store, batch)

    def _take_pending(self, store: WebhookStore) -> None:
        if self._stream is not None:
            self._accept(store, self._stream.pending())

    def _accept(self, store: WebhookStore, batch: Sequence[Entry | Gap]) -> None:
        news = [_news(item) for item in batch if isinstance(item, Entry) and self._is_to_keep(item)]
        if not news:
            return
        try:
            store.accept(news)
        except sqlite3.Error as error:
            _log.error("webhook.events_not_kept", events=len(news), reason=str(error))
        for running in self._running.values():
            running.news.set()

    def _is_to_keep(self, entry: Entry) -> bool:
        """Say whether an event is for a webhook, or one whose coming again must be known."""
        if entry.number:
            return True
        if not any(one.hook.wants(entry.topic) for one in self._running.values()):
            return False
        return not isinstance(entry.event, Status) or self._heartbeats.passes(
            entry.topic, entry.event
        )

    def _start(self, hook: Hook) -> None:
        running = self._running[hook.id] = _Running(hook)
        running.task = asyncio.create_task(self._deliver(running))

    async def _deliver(self, running: _Running) -> None:
        attempts, number = 0, 0
        while True:
            try:
                delivery = self._open_store().next_for(running.hook.id)
                if delivery is None:
                    await running.news.wait()
                    running.news.clear()
                    continue
                attempts = attempts + 1 if delivery.number == number else 1
                number = delivery.number
                wait = await self._attempt(running, delivery, attempts)
            except sqlite3.Error as error:
                running.failure = f"the file of the webhooks cannot be used: {error}"
                _log.error("webhook.stuck", id=running.hook.id, reason=str(error))
                wait = _MAX_WAIT_SECONDS
            await asyncio.sleep(wait)

    async def _attempt(self, running: _Running, delivery: Delivery, attempt: int) -> float:
        """Make an attempt, note what came of it, and return the seconds until the next one."""
        store, hook = self._open_store(), running.hook
        failure = await self._sender.send(hook, delivery)
        running.failure = failure or ""
        self._metrics.webhook_attempts.labels("failed" if failure else "taken").inc()
        if failure is None:
            store.delivered(delivery.number)
            return 0.0
        _log.info("webhook.failed", id=hook.id, attempt=attempt, reason=failure)
        if attempt < self._limits.attempts:
            return backoff_seconds(self._limits.retry_seconds, attempt, chance=self._chance())
        if store.give_up(hook.id, delivery.number, failure):
            self._metrics.webhook_dead_letters.inc()
        return 0.0


def backoff_seconds(first: float, attempts: int, *, chance: float) -> float:
    """Return how long to wait after failed attempts: doubling, up to a minute, half of it chance.

    Chance keeps many senders from coming back at the same moment.

    Args:
        first: wait after the first failed attempt, seconds.
        attempts: failed so far, from 1.
        chance: a random number of [0, 1).
    """
    longest = min(_MAX_WAIT_SECONDS, first * 2.0 ** (attempts - 1))
    return longest * (1 + chance) / 2


def _news(entry: Entry) -> News:
    return News(entry.topic, entry.event.id, entry.text, is_state=not entry.number)
