import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from gateway_harness import RunningGateway, System
from gateway_harness import system_fixture as system_fixture  # noqa: PLC0414 - for pytest
from structlog.testing import capture_logs

STATIC = Path(__file__).resolve().parents[1] / "src" / "moodcue_gateway" / "static"


@pytest.fixture
def client(system: System) -> httpx.Client:
    # None of this needs a bus.
    return system.start_gateway(allowed_hosts="moodcue.example, gateway").client


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1:8080", "[::1]:8080", "192.168.1.7", "Moodcue.Example:80"]
)
def test_known_names_and_addresses_are_answered(client: httpx.Client, host: str) -> None:
    assert client.get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "", "[", "1.2.3.4.x"])
def test_a_name_that_somebody_points_here_is_refused(client: httpx.Client, host: str) -> None:
    answer = client.get("/v1/recommendations", headers={"Host": host})

    assert answer.status_code == 421
    assert answer.headers["content-type"] == "application/problem+json"
    assert "MOODCUE_GATEWAY_ALLOWED_HOSTS" in answer.json()["detail"]


def test_probes_are_answered_under_any_name(client: httpx.Client) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        assert client.get(path, headers={"Host": "gateway-7f9c"}).status_code in (200, 503)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
def test_a_foreign_page_cannot_ask_for_songs(client: httpx.Client, origin: str) -> None:
    answer = client.post("/v1/recommend", json={"mood": "calm"}, headers={"Origin": origin})

    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"


def test_our_own_page_can(client: httpx.Client) -> None:
    own = str(client.base_url).rstrip("/")

    answer = client.post("/v1/recommend", json={"mood": "calm"}, headers={"Origin": own})

    # It gets as far as the broker, which is not there.
    assert answer.status_code == 503
    assert "broker" in answer.json()["detail"]


def test_a_body_that_is_too_large_or_endless_is_refused(client: httpx.Client) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"{}"

    assert client.post("/v1/recommend", content=b" " * 70_000).status_code == 413
    assert client.post("/v1/recommend", content=chunks()).status_code == 411


def test_a_form_of_a_foreign_page_is_no_request(client: httpx.Client) -> None:
    answer = client.post("/v1/recommend", data={"mood": "calm"})

    assert answer.status_code == 422


@pytest.mark.parametrize("path", ["/", "/docs", "/v1/recommendations", "/nothing", "/readyz"])
def test_every_answer_forbids_what_the_page_does_not_need(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers

    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"


def test_every_error_is_a_problem(client: httpx.Client) -> None:
    for method, path, status in (
        ("GET", "/nothing", 404),
        ("DELETE", "/v1/recommendations", 405),
        ("GET", "/v1/recommendations?limit=0", 422),
        ("GET", "/v1/songs", 503),
        ("GET", "/static/nothing.js", 404),
    ):
        answer = client.request(method, path)

        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == status


def test_an_unexpected_failure_tells_no_secret(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway: RunningGateway = system.start_gateway()

    def fail(**_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(gateway.parts.live, "recommendations", fail)
    # Drawn for a terminal, with all variables, the traceback takes longer than the client waits.
    with capture_logs() as lines:
        answer = gateway.client.get("/v1/recommendations")

    assert "request.failed" in [line["event"] for line in lines]

    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text


def test_the_page_weighs_little_and_loads_nothing_from_elsewhere() -> None:
    files = [path for path in STATIC.iterdir() if path.is_file()]

    dictionaries = [path.stat().st_size for path in STATIC.glob("words.*.js")]

    # A reader loads one of the dictionaries.
    everything = sum(path.stat().st_size for path in files)
    assert everything - sum(dictionaries) + max(dictionaries) <= 150_000
    for path in files:
        content = path.read_text().replace("http://www.w3.org/2000/svg", "")
        # An address to type in is no resource that is loaded.
        assert re.findall(r"https?://(?!localhost:\{port\})", content) == []
        assert "innerHTML" not in content
