"""A real receiver of OTLP over HTTP, which keeps the spans that it got."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass(frozen=True)
class Span:
    """A span as it came; ids in hex, times in nanoseconds UTC."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    start: int
    end: int
    attributes: dict[str, str | int]


@dataclass
class OtlpReceiver:
    """What came, in order of arrival."""

    url: str = ""
    spans: list[Span] = field(default_factory=list)

    def named(self, name: str) -> list[Span]:
        """Return the spans of a name."""
        return [span for span in list(self.spans) if span.name == name]

    def with_id(self, trace: str, identity: str) -> Span | None:
        """Return the span with an id, if it has come."""
        found = [one for one in list(self.spans) if (one.trace, one.id) == (trace, identity)]
        assert len(found) <= 1, found
        return found[0] if found else None

    def path_to(self, span: Span) -> list[Span] | None:
        """Return the spans from the first of a trace to this one; None while one is missing."""
        path = [span]
        while path[0].parent:
            above = self.with_id(span.trace, path[0].parent)
            if above is None:
                return None
            path.insert(0, above)
        return path


def decoded(body: bytes) -> list[Span]:
    """Decode the body of a request."""
    request = ExportTraceServiceRequest.FromString(body)
    return [
        Span(
            service=next(a.value.string_value for a in of.resource.attributes if a.key == _NAME),
            name=span.name,
            trace=span.trace_id.hex(),
            id=span.span_id.hex(),
            parent=span.parent_span_id.hex(),
            start=span.start_time_unix_nano,
            end=span.end_time_unix_nano,
            attributes={a.key: a.value.string_value or a.value.int_value for a in span.attributes},
        )
        for of in request.resource_spans
        for scope in of.scope_spans
        for span in scope.spans
    ]


_NAME = "service.name"


@contextmanager
def otlp_receiver() -> Iterator[OtlpReceiver]:
    """Receive until the block ends."""
    receiver = OtlpReceiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            known = self.path == "/v1/traces"
            if known:
                receiver.spans.extend(decoded(body))
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200 if known else 404)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
