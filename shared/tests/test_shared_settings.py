import threading
import urllib.error
import urllib.request

import pytest
from prometheus_client import CollectorRegistry, Counter
from pydantic import Field
from pydantic_settings import SettingsConfigDict

import healthcheck
from moodcue import __version__
from moodcue.bus import Port
from moodcue.errors import SettingsError
from moodcue.health import HealthServer, Pulse, Work
from moodcue.lifecycle import register_process
from moodcue.security import check_bind_host
from moodcue.settings import ServiceSettings, load_settings, variable_names


class ExampleSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="MOODCUE_FER_")

    window_seconds: float = Field(15, ge=1, le=60)


def test_defaults_need_no_environment() -> None:
    settings = load_settings(ExampleSettings)

    assert (settings.bus_port, settings.window_seconds) == (5570, 15)


def test_common_and_own_variables_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOODCUE_BUS_PORT", "6000")
    monkeypatch.setenv("MOODCUE_FER_WINDOW_SECONDS", "5")

    settings = load_settings(ExampleSettings)

    assert settings.bus_address().endpoint(Port.EVENTS_IN) == "tcp://127.0.0.1:6000"
    assert settings.window_seconds == 5


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("MOODCUE_BUS_PROT", "MOODCUE_BUS_PORT"),
        ("MOODCUE_FER_WINDOW_SECOND", "MOODCUE_FER_WINDOW_SECONDS"),
    ],
)
def test_an_unknown_variable_is_refused_with_the_one_that_was_meant(name: str, hint: str) -> None:
    with pytest.raises(SettingsError, match=f"{name}.*did you mean {hint}"):
        load_settings(ExampleSettings, {name: "1"})


def test_the_variables_of_another_service_are_left_alone() -> None:
    load_settings(ExampleSettings, {"MOODCUE_CAMERA_RATE": "5", "HOME": "/"})


def test_a_value_out_of_bounds_is_refused_with_name_and_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MOODCUE_FER_WINDOW_SECONDS", "0")

    with pytest.raises(SettingsError, match=r"WINDOW_SECONDS=0: .* greater than or"):
        load_settings(ExampleSettings)


def test_a_common_value_out_of_bounds_is_refused_with_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MOODCUE_BUS_PORT", "99999")

    with pytest.raises(SettingsError, match="MOODCUE_BUS_PORT=99999"):
        load_settings(ExampleSettings)


def test_an_empty_variable_is_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOODCUE_BUS_PORT", "")

    assert load_settings(ExampleSettings).bus_port == 5570


def test_every_field_has_a_variable() -> None:
    names = variable_names(ExampleSettings)

    assert "MOODCUE_FER_WINDOW_SECONDS" in names
    assert "MOODCUE_BUS_HOST" in names
    assert len(names) == len(ExampleSettings.model_fields)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_loopback_needs_no_keys(host: str) -> None:
    check_bind_host(host, keys=None, allow_plaintext=False)


def fetch(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_health_follows_the_work_that_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    problem: list[str | None] = ["no index yet"]
    registry = CollectorRegistry()
    Counter("moodcue_things_total", "Things", registry=registry).inc(3)
    pulse = Pulse(max_age_seconds=10, clock=lambda: now[0])
    server = HealthServer(
        host="127.0.0.1",
        port=0,
        registry=registry,
        alive=pulse.problem,
        ready=lambda: problem[0],
    )
    with server:
        port = str(server.port)
        assert fetch(server.port, "/healthz") == (200, "ok\n")
        assert fetch(server.port, "/readyz") == (503, "no index yet\n")
        assert healthcheck.main(port) == 1
        assert "no index yet" in capsys.readouterr().out
        problem[0] = None
        assert healthcheck.main(port) == 0
        now[0] = 11
        assert fetch(server.port, "/healthz")[0] == 503
        assert "11 s" in fetch(server.port, "/readyz")[1]
        pulse.beat()
        assert fetch(server.port, "/healthz")[0] == 200
        assert "moodcue_things_total 3.0" in fetch(server.port, "/metrics")[1]
        assert fetch(server.port, "/else")[0] == 404
    assert "health" not in {thread.name for thread in threading.enumerate()}
    assert healthcheck.main(port) == 1


def test_every_service_tells_its_version_whether_it_is_ready_and_what_it_takes() -> None:
    problem: list[str | None] = ["no index yet"]
    registry = CollectorRegistry()
    register_process(registry, problem=lambda: problem[0])
    ready = [registry.get_sample_value("moodcue_ready")]
    problem[0] = None
    ready.append(registry.get_sample_value("moodcue_ready"))

    assert ready == [0, 1]
    assert registry.get_sample_value("moodcue_build_info", {"version": __version__}) == 1
    assert (registry.get_sample_value("process_resident_memory_bytes") or 0) > 0


def test_work_is_ill_when_it_is_asked_for_too_long_in_vain_and_until_it_is_done() -> None:
    now = [0.0]
    work = Work("frames come and none is read", max_seconds=10, clock=lambda: now[0])
    assert work.problem() is None
    for now[0] in (5, 10, 15):
        work.ask()
        assert work.problem() is None
    now[0] = 17
    work.ask()
    work.fail("no memory")
    assert work.problem() == "frames come and none is read for 12 s: no memory"
    now[0] = 1000
    assert work.problem() is not None
    work.done()
    assert work.problem() is None
    work.ask()
    assert work.problem() is None


def test_who_is_asked_for_nothing_or_only_now_and_then_is_well() -> None:
    now = [0.0]
    work = Work("nothing is done", max_seconds=10, pause_seconds=10, clock=lambda: now[0])
    now[0] = 100
    assert work.problem() is None
    for now[0] in (100, 105, 200, 205, 300):
        work.ask()
        assert work.problem() is None


def test_a_taken_health_port_is_a_clear_error() -> None:
    registry = CollectorRegistry()
    first = HealthServer(
        host="127.0.0.1", port=0, registry=registry, alive=lambda: None, ready=lambda: None
    )
    with first, pytest.raises(SettingsError, match="MOODCUE_HEALTH_PORT"):
        HealthServer(
            host="127.0.0.1",
            port=first.port,
            registry=registry,
            alive=lambda: None,
            ready=lambda: None,
        )
