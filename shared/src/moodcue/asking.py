"""Asking for songs over the bus and waiting for the answer."""

import time
from typing import Any, TypeVar

import zmq

from moodcue.bus import BusAddress, Port, Publisher, Subscriber
from moodcue.codec import decode_event, encode
from moodcue.errors import BusError, ProtocolError
from moodcue.events import Recommendation, RecommendationRequest, Status
from moodcue.identity import host_name, new_id, new_source, new_trace, system_clock
from moodcue.topics import Family, topic

E = TypeVar("E", Status, Recommendation)


def ask(
    camera: str, *, address: BusAddress, timeout_seconds: float = 5.0, **wish: Any
) -> Recommendation:
    """Publish a request and return the recommendation that answers it.

    Args:
        camera: room that the request is for.
        address: of the broker.
        timeout_seconds: for the whole.
        wish: the fields of the request that say what is wanted.

    Raises:
        BusError: if there is no broker, or no answer comes in time.
        ProtocolError: if the camera is no usable name, or a wish is out of its range.
    """
    deadline = time.monotonic() + timeout_seconds
    answers = topic(Family.RECOMMENDATION, camera)
    source = new_source("moodcue", host_name())
    request = _request(camera, source=source, wish=wish)
    with (
        zmq.Context() as context,
        Subscriber(context, address, topics=[answers, f"{Family.STATUS.value}/"]) as subscriber,
        Publisher(context, address, source=source) as publisher,
    ):
        # The broker takes subscriptions in order: with its first status, that for the answer holds.
        heard = publisher.wait_until_connected(timeout_seconds) and _next(
            subscriber, Status, deadline=deadline
        )
        if not heard:
            raise BusError(
                f"no broker at {address.endpoint(Port.EVENTS_OUT)} within {timeout_seconds:g} s; "
                "is it running, and are the host and port right?"
            )
        publisher.send(topic(Family.REQUEST, camera), request)
        while answer := _next(subscriber, Recommendation, deadline=deadline):
            if answer.request == request.id:
                return answer
    raise BusError(
        f"no answer on {answers} within {timeout_seconds:g} s; is a recommender running?"
    )


def _request(camera: str, *, source: str, wish: dict[str, Any]) -> RecommendationRequest:
    """Make the first and only request of a source.

    Raises:
        ProtocolError: if the broker would refuse it; the text names the field.
    """
    request = RecommendationRequest(
        id=new_id(),
        source=source,
        seq=1,
        time=system_clock(),
        trace=new_trace(),
        camera=camera,
        **wish,
    )
    decode_event(encode(request))
    return request


def _next(subscriber: Subscriber, kind: type[E], *, deadline: float) -> E | None:
    """Return the next event of a type, or None when none came before the deadline."""
    while (remaining := deadline - time.monotonic()) > 0:
        try:
            message = subscriber.receive(remaining)
        except ProtocolError:
            # Of another version, and not our answer: that has our own.
            continue
        if message is not None and isinstance(message.event, kind):
            return message.event
    return None
