import socket
import subprocess
import sys
import threading

import pytest
from fixtures import Eventually
from otlp_receiver import OtlpReceiver, otlp_receiver

from moodcue.errors import SettingsError
from moodcue.identity import new_id, new_trace
from moodcue.lifecycle import opened_tracer
from moodcue.settings import ServiceSettings, load_settings
from moodcue.tracing import Laps, Step, Tracer


def settings(endpoint: str, *, ratio: float = 1.0) -> ServiceSettings:
    return ServiceSettings(otlp_endpoint=endpoint, trace_ratio=ratio, instance="one")


def step(trace: str, *, taken: str = "", made: str = "", laps: Laps | None = None) -> Step:
    return Step(
        name="do",
        trace=trace,
        start=1_000,
        end=2_000,
        taken=taken,
        made=made,
        attributes={"camera": "kitchen"},
        stages=laps.stages if laps else (),
    )


def test_steps_of_two_services_meet_by_the_ids_of_events_alone() -> None:
    trace, frame, window = new_trace(), new_id(), new_id()
    with otlp_receiver() as receiver:
        for service, taken, made in (("camera", "", frame), ("fer", frame, window)):
            with opened_tracer(settings(receiver.url), service=service) as tracer:
                assert tracer is not None
                tracer.record(step(trace, taken=taken, made=made))

    first, second = receiver.spans
    assert (first.service, second.service) == ("camera", "fer")
    assert first.trace == second.trace == trace
    assert (first.parent, second.parent) == ("", first.id)
    assert (first.start, first.end) == (1_000, 2_000)
    assert first.attributes == {"moodcue.camera": "kitchen"}


def test_stages_lie_in_their_step_one_after_the_other() -> None:
    times = iter((1_000, 1_200, 1_900))
    laps = Laps(clock=lambda: next(times))
    laps.lap("decode")
    laps.lap("infer")
    with otlp_receiver() as receiver, opened_tracer(settings(receiver.url), service="x") as tracer:
        assert tracer is not None
        tracer.record(step(new_trace(), laps=laps))

    whole = receiver.named("do")[0]
    parts = [(span.name, span.parent, span.start, span.end) for span in receiver.spans[:2]]
    assert parts == [("decode", whole.id, 1_000, 1_200), ("infer", whole.id, 1_200, 1_900)]


def recorded(receiver: OtlpReceiver, traces: list[str], *, service: str, ratio: float) -> set[str]:
    with opened_tracer(settings(receiver.url, ratio=ratio), service=service) as tracer:
        assert tracer is not None
        for number, trace in enumerate(traces):
            tracer.record(step(trace, taken="a" if number % 2 else "", made=new_id()))
    return {span.trace for span in receiver.spans if span.service == service}


def test_all_services_keep_the_same_share_of_traces() -> None:
    traces = [new_trace() for _ in range(400)]
    with otlp_receiver() as receiver:
        first = recorded(receiver, traces, service="camera", ratio=0.25)
        second = recorded(receiver, traces[::-1], service="fer", ratio=0.25)

    assert first == second
    assert 50 < len(first) < 150


@pytest.mark.parametrize("trace", ["", "0" * 32, "not a trace", "A" * 32])
def test_an_event_without_a_proper_trace_is_left_out(trace: str) -> None:
    assert not recorded_names(trace)


def recorded_names(trace: str) -> list[str]:
    with otlp_receiver() as receiver:
        with opened_tracer(settings(receiver.url), service="x") as tracer:
            assert tracer is not None
            tracer.record(step(trace))
        return [span.name for span in receiver.spans]


def test_spans_leave_by_themselves_while_a_service_runs(eventually: Eventually) -> None:
    with otlp_receiver() as receiver, opened_tracer(settings(receiver.url), service="x") as tracer:
        assert tracer is not None
        tracer.record(step(new_trace()))
        eventually(lambda: receiver.spans, "it came")


def fill(tracer: Tracer | None) -> None:
    assert tracer is not None
    for _ in range(5_000):
        tracer.record(step(new_trace()))


def test_a_collector_that_never_answers_delays_neither_work_nor_end(
    deadline_seconds: float,
) -> None:
    done = threading.Event()

    def work() -> None:
        with opened_tracer(settings(url), service="x") as tracer:
            fill(tracer)
        done.set()

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        threading.Thread(target=work, daemon=True).start()
        assert done.wait(deadline_seconds)


def test_without_a_collector_there_is_no_tracer_and_nothing_is_loaded() -> None:
    script = (
        "import sys\n"
        "from moodcue.settings import ServiceSettings\n"
        "from moodcue.lifecycle import opened_tracer\n"
        "with opened_tracer(ServiceSettings(), service='x') as tracer:\n"
        "    assert tracer is None\n"
        "print(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert result.stdout == "False\n"


def test_without_the_libraries_the_error_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "moodcue.otlp", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)

    with (
        pytest.raises(SettingsError, match=r"OTLP_ENDPOINT=http://x: .* moodcue\[tracing\]"),
        opened_tracer(settings("http://x"), service="x"),
    ):
        pass


@pytest.mark.parametrize("endpoint", ["localhost:4318", "http://user:secret@localhost"])
def test_an_endpoint_that_is_no_plain_url_is_refused_by_its_name(
    monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)

    with pytest.raises(SettingsError, match=r"^OTEL_EXPORTER_OTLP_ENDPOINT="):
        load_settings(ServiceSettings)
