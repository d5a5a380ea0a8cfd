"""What Prometheus and Grafana are given, without the services."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from dashboard import queries
from metrics_tables import REGISTRATIONS, metrics_tables, series_names
from prometheus_server import OBSERVABILITY, find_tool

DASHBOARD = OBSERVABILITY / "grafana" / "dashboards" / "moodcue.json"
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "observability.md"
RULES = yaml.safe_load((OBSERVABILITY / "alerts.yml").read_text())["groups"][0]["rules"]


def used_metrics() -> set[str]:
    texts = [expression for _, expression in queries(DASHBOARD.read_text())]
    texts += [rule["expr"] for rule in RULES]
    names = set(re.findall(r"\b(?:moodcue|process)_\w+", " ".join(texts)))
    assert len(names) > 20
    return names


def test_dashboard_and_alerts_ask_for_metrics_that_the_services_have() -> None:
    assert set(REGISTRATIONS) > {"broker", "fer", "aggregator"}
    assert used_metrics() - series_names() == set()


def test_names_of_metrics_follow_the_conventions() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\w+)", metrics_tables(), re.MULTILINE)

    for name, kind in rows:
        assert name.startswith(("moodcue_", "process_")), name
        assert name.endswith("_total") == (kind == "counter"), name
        assert not re.search(r"(_ms|_milliseconds|_minutes|_age)$", name), name
        assert kind != "histogram" or name.endswith("_seconds"), name


def test_every_alert_says_what_to_do() -> None:
    document = DOCUMENT.read_text()

    for rule in RULES:
        assert f"| `{rule['alert']}` |" in document, rule["alert"]
        assert rule["annotations"]["summary"]
        assert rule["labels"]["severity"] in ("critical", "warning")


@pytest.mark.observability
@pytest.mark.parametrize(
    "command",
    [
        ("check", "config", "prometheus.yml"),
        ("check", "rules", "alerts.yml"),
        ("test", "rules", "alerts_test.yml"),
    ],
    ids=" ".join,
)
def test_promtool_finds_nothing_wrong(command: tuple[str, ...]) -> None:
    result = subprocess.run(
        [find_tool("promtool"), *command],
        cwd=OBSERVABILITY,
        capture_output=True,
        text=True,
        check=False,
    )

    assert result.returncode == 0, result.stdout + result.stderr
