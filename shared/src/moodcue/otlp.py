"""Sends steps as spans to an OpenTelemetry collector, by OTLP over HTTP.

The id of a span is computed from the id of the event that came of it, so that whoever takes the
event knows its parent.
"""

import hashlib
import re
import threading

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

from moodcue import __version__
from moodcue.tracing import Step

_PATH = "/v1/traces"
_REQUEST_SECONDS = 2.0
_FLUSH_SECONDS = 1.0
_MAX_QUEUE = 2048
_MAX_BATCH = 512
_TRACE_ID = re.compile(r"[0-9a-f]{32}")


def span_id(event_id: str) -> int:
    """Return the id of the span that an event came of, 1 to 2^64 - 1."""
    digest = hashlib.blake2b(event_id.encode(), digest_size=8).digest()
    return int.from_bytes(digest) or 1


class _EventIds(IdGenerator):
    """Gives the next span the ids that its event decides, and random ones to others."""

    def __init__(self) -> None:
        self._random = RandomIdGenerator()
        self.trace = 0
        self.span = 0

    def generate_trace_id(self) -> int:
        return self.trace

    def generate_span_id(self) -> int:
        decided, self.span = self.span, 0
        return decided or self._random.generate_span_id()


class OtlpTracer:
    """Records steps of one service. Use it in one thread.

    A collector that does not answer delays nothing: up to 2,048 spans wait for it, then the oldest
    are dropped.

    Args:
        endpoint: of the collector, without the path.
        service: name of the service.
        instance: name of this process.
        ratio: share of the traces that are kept; decided by the trace id, so by all alike.
    """

    def __init__(self, endpoint: str, *, service: str, instance: str, ratio: float) -> None:
        resource = Resource.create(
            {
                "service.namespace": "moodcue",
                "service.name": service,
                "service.instance.id": instance,
                "service.version": __version__,
            }
        )
        self._ids = _EventIds()
        self._exporter = OTLPSpanExporter(
            endpoint=f"{endpoint.rstrip('/')}{_PATH}", timeout=_REQUEST_SECONDS
        )
        self._provider = TracerProvider(
            sampler=TraceIdRatioBased(ratio),
            resource=resource,
            shutdown_on_exit=False,
            id_generator=self._ids,
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(
                self._exporter, max_queue_size=_MAX_QUEUE, max_export_batch_size=_MAX_BATCH
            )
        )
        self._tracer = self._provider.get_tracer("moodcue", __version__)

    def record(self, step: Step) -> None:
        """Note a step; one of a trace that has no proper id is left out."""
        if not _TRACE_ID.fullmatch(step.trace) or not int(step.trace, 16):
            return
        self._ids.trace = int(step.trace, 16)
        self._ids.span = span_id(step.made) if step.made else 0
        span = self._tracer.start_span(
            step.name,
            context=_taken(step),
            kind=trace.SpanKind.CONSUMER if step.taken else trace.SpanKind.PRODUCER,
            attributes={f"moodcue.{name}": value for name, value in step.attributes.items()},
            start_time=step.start,
        )
        within = trace.set_span_in_context(span, Context())
        for stage in step.stages:
            part = self._tracer.start_span(stage.name, context=within, start_time=stage.start)
            part.end(stage.end)
        span.end(step.end)

    def close(self) -> None:
        """Send what waits; what is not taken within a few seconds is dropped."""
        limit = threading.Timer(_FLUSH_SECONDS, self._exporter.shutdown)
        limit.daemon = True
        limit.start()
        self._provider.shutdown()
        limit.cancel()


def _taken(step: Step) -> Context:
    """Return the context of the span that the taken event came of."""
    if not step.taken:
        return Context()
    parent = trace.SpanContext(
        trace_id=int(step.trace, 16),
        span_id=span_id(step.taken),
        is_remote=True,
        trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED),
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(parent), Context())
