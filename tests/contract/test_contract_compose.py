"""What can be said of the compose file without an engine."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from moodcue.settings import ServiceSettings, load_settings, variable_names
from moodcue_aggregator.settings import AggregatorSettings
from moodcue_broker.settings import BrokerSettings
from moodcue_camera.settings import CameraSettings
from moodcue_fer.settings import FerSettings
from moodcue_gateway.settings import GatewaySettings
from moodcue_mer_indexer.settings import IndexerSettings
from moodcue_recommender.settings import RecommenderSettings

FILE = Path(__file__).resolve().parents[2] / "docker-compose.yml"
SETTINGS: dict[str, type[ServiceSettings]] = {
    "aggregator": AggregatorSettings,
    "broker": BrokerSettings,
    "camera": CameraSettings,
    "fer": FerSettings,
    "gateway": GatewaySettings,
    "mer-indexer": IndexerSettings,
    "recommender": RecommenderSettings,
}


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    return dict(yaml.safe_load(FILE.read_text())["services"])


def test_without_a_profile_every_service_is_there_and_nothing_else(
    services: dict[str, dict[str, Any]],
) -> None:
    always = {name for name, service in services.items() if "profiles" not in service}

    assert always == set(SETTINGS)


def test_every_service_knows_the_settings_that_it_is_given(
    services: dict[str, dict[str, Any]],
) -> None:
    for service in services.values():
        if "build" not in service or "environment" not in service:
            continue
        kind = SETTINGS[service["build"]["args"]["SERVICE"]]
        variables = service["environment"]
        assert set(variables) <= set(variable_names(kind))
        load_settings(kind, variables)


def test_the_face_network_can_be_chosen_with_a_gpu_and_without(
    services: dict[str, dict[str, Any]],
) -> None:
    for name in ("fer", "fer-gpu"):
        assert services[name]["environment"]["MOODCUE_FER_MODEL"] == "${FER_MODEL:-fer-cnn}"


def test_the_profile_webcam_hands_the_device_to_a_camera_of_its_own_name(
    services: dict[str, dict[str, Any]],
) -> None:
    webcam = services["webcam"]

    assert webcam["profiles"] == ["webcam"]
    assert webcam["environment"]["MOODCUE_CAMERA_SOURCE"] == "/dev/video0"
    assert [device.rpartition(":")[2] for device in webcam["devices"]] == ["/dev/video0"]
    assert webcam["environment"]["MOODCUE_CAMERA_NAME"] != CameraSettings().name


def test_the_profile_gpu_reserves_a_gpu_for_an_image_that_can_use_it(
    services: dict[str, dict[str, Any]],
) -> None:
    worker = services["fer-gpu"]

    assert worker["profiles"] == ["gpu"]
    assert worker["build"]["args"].items() >= {"SERVICE": "fer", "EXTRA": "gpu"}.items()
    assert worker["environment"]["MOODCUE_FER_PROVIDER"] == "cuda"
    [device] = worker["deploy"]["resources"]["reservations"]["devices"]
    assert device["capabilities"] == ["gpu"]
    assert worker["image"] != services["fer"]["image"]


def test_the_profile_observability_looks_at_every_service_and_asks_for_no_login(
    services: dict[str, dict[str, Any]],
) -> None:
    folder = FILE.parent / "deploy" / "observability"
    [job] = yaml.safe_load((folder / "prometheus.yml").read_text())["scrape_configs"]
    [discovery] = job["dns_sd_configs"]
    built = {name for name, service in services.items() if "build" in service} - {"keys"}

    assert set(discovery["names"]) == built
    assert all(services[name]["environment"]["MOODCUE_HEALTH_HOST"] == "0.0.0.0" for name in built)  # noqa: S104 - inside the container
    grafana = services["grafana"]
    assert grafana["profiles"] == services["prometheus"]["profiles"] == ["observability"]
    assert grafana["environment"]["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert "bus" not in grafana["networks"]
    mounts = [*grafana["volumes"], *services["jaeger"]["volumes"]]
    for mount in (*mounts, services["prometheus"]["volumes"][0]):
        assert (FILE.parent / mount.partition(":")[0]).exists(), mount


def test_the_workers_can_be_scaled(services: dict[str, dict[str, Any]]) -> None:
    assert services["fer"]["deploy"] == {"replicas": 2}
    assert not {"container_name", "ports", "hostname"} & set(services["fer"])
    assert "MOODCUE_INSTANCE" not in services["fer"]["environment"]


def test_every_service_is_confined(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert service["read_only"]
        assert service["cap_drop"] == ["ALL"]
        assert service["user"] == ("65534:65534" if name == "prometheus" else "10001:10001")
        assert "mem_limit" in service


def test_every_service_takes_its_keys_from_the_volume_that_one_job_fills(
    services: dict[str, dict[str, Any]],
) -> None:
    job = services["keys"]
    assert job["profiles"] == ["secure"]
    assert job["volumes"] == ["keys:/data/keys"]
    for name, service in services.items():
        if name != "keys" and "MOODCUE_BUS_HOST" in service.get("environment", {}):
            assert service["environment"]["MOODCUE_CURVE_DIR"] == "/data/keys"
            assert "keys:/data/keys:ro" in service["volumes"]
            assert service["depends_on"]["keys"] == {
                "condition": "service_completed_successfully",
                "required": False,
            }
        elif name != "keys":
            assert not any("keys" in volume for volume in service.get("volumes", ()))


def test_only_this_machine_reaches_the_published_ports(
    services: dict[str, dict[str, Any]],
) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]

    assert len(ports) == 7
    assert all(port.startswith("127.0.0.1:") for port in ports)
