import os
import signal
import subprocess
import sys

import pytest
from gateway_harness import System
from gateway_harness import system_fixture as system_fixture  # noqa: PLC0414 - for pytest

from moodcue.events import ServiceState, Status
from moodcue.identity import NS_PER_SECOND, system_clock
from moodcue_gateway.system import missing_services, not_ready, services_from

NOW = 1_800_000_000 * NS_PER_SECOND


def status(service: str, *, age: float = 0.0, state: ServiceState = ServiceState.RUNNING) -> Status:
    return Status(
        id=service,
        source=f"{service}/one",
        seq=1,
        time=NOW - int(age * NS_PER_SECOND),
        trace="",
        service=service,
        instance="one",
        version="0.1.0",
        state=state,
        started=0,
    )


def test_a_heartbeat_that_stopped_is_stale_and_later_forgotten() -> None:
    statuses = [status("camera", age=1), status("fer", age=6), status("broker", age=121)]

    services = services_from(statuses, now_ns=NOW, stale_seconds=5)

    assert [(one.service, one.stale) for one in services] == [("camera", False), ("fer", True)]


def test_a_service_that_is_stale_or_stopping_is_missing() -> None:
    statuses = [
        status("broker"),
        status("camera", state=ServiceState.DEGRADED),
        status("fer", age=9),
        status("aggregator", state=ServiceState.STOPPING),
    ]

    services = services_from(statuses, now_ns=NOW, stale_seconds=5)

    assert missing_services(services) == ["fer", "aggregator", "recommender"]


def test_readiness_names_the_broker_first_and_then_the_recommender() -> None:
    assert not_ready([], silence="the broker is silent") == "the broker is silent"
    assert "no recommender" in (not_ready([], silence=None) or "")
    services = services_from([status("recommender")], now_ns=NOW, stale_seconds=5)
    assert not_ready(services, silence=None) is None


def test_readyz_follows_what_is_there_and_healthz_stays_well(system: System) -> None:
    gateway = system.start_gateway()
    answer = gateway.client.get("/readyz")
    assert answer.status_code == 503
    assert f"the broker at 127.0.0.1:{system.address.port} has not been heard" in answer.text
    assert gateway.client.get("/healthz").status_code == 200

    system.start_broker()
    system.eventually(
        lambda: "no recommender" in gateway.client.get("/readyz").text, "the broker is heard"
    )
    source = system.source()
    source.status("recommender")
    system.eventually(
        lambda: gateway.client.get("/readyz").status_code == 200, "the recommender is heard"
    )
    system.stop_broker()
    system.eventually(
        lambda: "silent for" in gateway.client.get("/readyz").text, "the silence is noticed"
    )
    assert gateway.client.get("/healthz").status_code == 200


def test_the_status_lists_services_workers_and_counters(system: System) -> None:
    gateway = system.start()
    source = system.source()
    source.status("fer", instance="a", counters={"frames": 12})
    source.status("fer", instance="b", time=system_clock() - 60 * NS_PER_SECOND)

    def fer() -> list[dict[str, object]]:
        services = gateway.client.get("/v1/status").json()["services"]
        return [one for one in services if one["service"] == "fer"]

    system.eventually(lambda: len(fer()) == 2, "both workers are listed")
    assert [one["stale"] for one in fer()] == [False, True]
    assert fer()[0]["counters"] == {"frames": 12}
    body = gateway.client.get("/v1/status").json()
    assert body["workers"] == 1
    assert body["ready"] is False
    assert "no recommender" in body["problem"]


def test_metrics_count_what_came_from_the_bus(system: System) -> None:
    gateway = system.start()
    system.source().window("desk")
    system.eventually(lambda: gateway.parts.live.journal.last == 1, "it is there")

    answer = gateway.client.get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain; version=")
    wanted = 'moodcue_gateway_events_received_total{family="emotion-window"} 1.0'
    assert wanted in answer.text


def test_the_command_serves_until_sigterm_and_ends_with_zero(system: System) -> None:
    environment = {
        **os.environ,
        "MOODCUE_BUS_PORT": str(system.address.port),
        "MOODCUE_GATEWAY_PORT": "0",
        "MOODCUE_GATEWAY_STATE_DIR": str(system.folder / "state"),
        "MOODCUE_HEALTH_PORT": "0",
    }
    command = [sys.executable, "-m", "moodcue_gateway", "run"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        assert any("gateway.listening" in line for line in lines)
        process.send_signal(signal.SIGTERM)
        rest = process.stderr.read()

        assert process.wait(timeout=20) == 0
        assert "Traceback" not in rest


def test_a_taken_port_is_one_clear_line(system: System) -> None:
    taken = system.start_gateway().url.rpartition(":")[2]
    environment = {**os.environ, "MOODCUE_GATEWAY_PORT": taken}
    command = [sys.executable, "-m", "moodcue_gateway", "run"]

    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 1
    expected = (
        f"moodcue-gateway: cannot listen on 127.0.0.1:{taken}: Address already in use; "
        "set MOODCUE_GATEWAY_HOST or MOODCUE_GATEWAY_PORT"
    )
    assert done.stderr.splitlines() == [expected]


@pytest.mark.parametrize("name", ["MOODCUE_GATEWAY_PROT", "MOODCUE_GATEWAY_MAX_STREAM"])
def test_a_misspelt_setting_is_refused(name: str) -> None:
    environment = {**os.environ, name: "1"}
    command = [sys.executable, "-m", "moodcue_gateway", "run"]

    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 1
    assert f"unknown setting {name}; did you mean" in done.stderr
