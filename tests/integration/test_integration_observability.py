"""A real Prometheus with what ships for it, beside the real services."""

import itertools
import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from dashboard import RATE, queries
from fixtures import Eventually
from metrics_tables import series_names
from prometheus_server import OBSERVABILITY, Prometheus, prometheus
from service_process import ServiceProcess

from moodcue.bus import BusAddress
from moodcue_recommender.sample_library import random_songs, write_library

DASHBOARD = (OBSERVABILITY / "grafana" / "dashboards" / "moodcue.json").read_text()
SERVICES = ("broker", "camera", "fer", "fer", "aggregator", "recommender", "gateway")
SONGS = 500
EMPTY_WHEN_WELL = {
    'ALERTS{alertstate="firing"}',
    "sum by (reason) (rate(moodcue_frames_dropped_total[10s]))",
}
"""Queries of the dashboard that have nothing to say while no frame is lost and nothing is wrong."""


pytestmark = [pytest.mark.observability, pytest.mark.timeout(300)]


@pytest.fixture
def deadline_seconds() -> float:
    return 90.0


@dataclass
class System:
    """The services as processes, each with its port for health."""

    folder: Path
    environment: dict[str, str]
    processes: dict[str, list[ServiceProcess]] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def start(self, service: str) -> None:
        """Start a process of a service."""
        log = self.folder / f"{service}-{next(self._numbers)}.log"
        variables = {**self.environment, "MOODCUE_INSTANCE": log.stem}
        process = ServiceProcess(f"moodcue_{service}", "run", environment=variables, errors=log)
        self.processes.setdefault(service, []).append(process)

    def targets(self) -> dict[str, list[int]]:
        """Return the ports of those that have told theirs."""
        found: dict[str, list[int]] = {}
        for log in sorted(self.folder.glob("*.log")):
            started = [line for line in log.read_text().splitlines() if "service.started" in line]
            if started:
                port = json.loads(started[0])["health"]
                found.setdefault(log.name.partition("-")[0], []).append(port)
        return found


@pytest.fixture
def system(tmp_path: Path, address: BusAddress, eventually: Eventually) -> Iterator[System]:
    write_library(tmp_path / "index", random_songs(SONGS), generation="g1")
    (tmp_path / "logs").mkdir()
    environment = {
        "MOODCUE_BUS_PORT": str(address.port),
        "MOODCUE_AGGREGATOR_WINDOW_SECONDS": "2",
        "MOODCUE_GATEWAY_PORT": str(address.port + 5),
        "MOODCUE_GATEWAY_INDEX_DIR": str(tmp_path / "index"),
        "MOODCUE_GATEWAY_STATE_DIR": str(tmp_path / "gateway"),
        "MOODCUE_RECOMMENDER_INDEX_DIR": str(tmp_path / "index"),
        "MOODCUE_RECOMMENDER_STATE_DIR": str(tmp_path / "state"),
    }
    made = System(tmp_path / "logs", environment)
    for service in SERVICES:
        made.start(service)
    eventually(lambda: sum(map(len, made.targets().values())) == len(SERVICES), "all have started")
    yield made
    for process in itertools.chain(*made.processes.values()):
        process.kill()


@pytest.fixture
def watcher(
    system: System, tmp_path: Path, address: BusAddress, eventually: Eventually
) -> Iterator[Prometheus]:
    folder = tmp_path / "prometheus"
    folder.mkdir()
    with prometheus(folder, address.port + 6, system.targets()) as running:
        eventually(lambda: running.value("sum(up)") == len(SERVICES), "all are scraped")
        yield running


def dashboard_queries() -> list[str]:
    return [expression.replace(RATE, "[10s]") for _, expression in queries(DASHBOARD)]


def test_every_process_is_a_target_with_its_service_and_every_query_has_an_answer(
    watcher: Prometheus, eventually: Eventually
) -> None:
    services = [labels["service"] for labels, _ in watcher.query("up")]
    assert sorted(services) == sorted(SERVICES)

    answers: dict[str, int] = {}

    def all_answered() -> bool:
        answers.update((query, len(watcher.query(query))) for query in dashboard_queries())
        return all(count or query in EMPTY_WHEN_WELL for query, count in answers.items())

    eventually(all_answered, "every query of the dashboard finds something")
    share = next(query for query in answers if "group_left" in query)

    def shared_out() -> bool:
        parts = [part for _, part in watcher.query(share)]
        return len(parts) == 2 and sum(parts) == pytest.approx(1)

    eventually(shared_out, "the shares of both workers are the whole")
    assert watcher.value("moodcue_recommender_index_songs") == SONGS
    assert {labels["generation"] for labels, _ in watcher.query(BUILT)} == {"g1"}


BUILT = "moodcue_recommender_index_build_timestamp_seconds"


def test_every_series_is_in_the_document(watcher: Prometheus) -> None:
    stored = {name for name in watcher.ask("label/__name__/values") if name.startswith("moodcue_")}

    assert len(stored) > 50
    assert stored <= series_names()


def test_every_alert_can_be_evaluated_and_none_fires_while_all_is_well(
    watcher: Prometheus, eventually: Eventually
) -> None:
    def rules() -> list[dict[str, str]]:
        [group] = watcher.ask("rules")["groups"]
        return list(group["rules"])

    eventually(
        lambda: (
            watcher.value("sum(moodcue_windows_total)") is not None
            and all(rule["health"] == "ok" for rule in rules())
        ),
        "every rule was evaluated",
    )
    assert [rule.get("lastError") for rule in rules()] == [None] * len(rules())
    eventually(lambda: watcher.alerts() == {}, "nothing is wrong")


def test_frames_received_are_those_inferred_dropped_and_pending(
    system: System, watcher: Prometheus, eventually: Eventually
) -> None:
    eventually(lambda: (watcher.value(RECEIVED) or 0) > 20, "frames flow")
    for worker in system.processes["fer"]:
        worker.send_signal(signal.SIGSTOP)
    eventually(
        lambda: watcher.value('sum(moodcue_frames_dropped_total{reason="replaced"})'),
        "frames pile up",
    )
    for worker in system.processes["fer"]:
        worker.send_signal(signal.SIGCONT)
    system.processes["camera"][0].stop()
    eventually(lambda: watcher.value("sum(moodcue_frames_pending)") == 0, "all are read")

    def at_rest() -> bool:
        return watcher.value(f"sum(delta({RECEIVED.removeprefix('sum(')[:-1]}[3s]))") == 0

    eventually(at_rest, "the last figures are in")
    [balance] = [query for query in dashboard_queries() if "vector(0)) - sum(" in query]
    assert watcher.value(balance) == 0


RECEIVED = "sum(moodcue_frames_received_total)"


def test_a_killed_worker_raises_two_alerts_and_the_other_one_goes_on(
    system: System, watcher: Prometheus, eventually: Eventually
) -> None:
    eventually(lambda: watcher.value("moodcue_workers") == 2, "both workers ask")
    system.processes["fer"][0].kill()

    # This one waits for a minute before it fires.
    eventually(lambda: watcher.alerts().get("MoodcueServiceDown") == "pending", "it is missed")
    eventually(lambda: watcher.alerts().get("MoodcueWorkerLost") == "firing", "it fell silent")
    assert watcher.value("moodcue_workers") == 1
    inferred = watcher.value("sum(moodcue_frames_inferred_total)") or 0
    eventually(
        lambda: (watcher.value("sum(moodcue_frames_inferred_total)") or 0) > inferred + 5,
        "the other worker reads",
    )
