from prometheus_client import CollectorRegistry

from moodcue.labels import IDLE_USES, MAX_LABELS, OTHERS
from moodcue_broker.metrics import BrokerMetrics


def received(registry: CollectorRegistry, camera: str) -> float | None:
    return registry.get_sample_value("moodcue_frames_received_total", {"camera": camera})


def test_frames_of_more_cameras_than_labels_are_counted_without_pushing_each_other_out() -> None:
    registry = CollectorRegistry()
    metrics = BrokerMetrics(registry)
    cameras = [f"camera-{number}" for number in range(MAX_LABELS + 10)]
    for camera in cameras * 3:
        metrics.received(camera)

    counts = [received(registry, camera) for camera in cameras]
    assert counts == [3] * MAX_LABELS + [None] * 10
    assert received(registry, OTHERS) == 30


def test_a_camera_that_lost_its_place_and_comes_back_is_counted_again() -> None:
    registry = CollectorRegistry()
    metrics = BrokerMetrics(registry)
    busy = [f"busy-{number}" for number in range(MAX_LABELS - 1)]
    for camera in ("kitchen", *busy * (IDLE_USES + 1), "new"):
        metrics.received(camera)
    assert received(registry, "kitchen") is None
    for camera in busy * (IDLE_USES + 1):
        metrics.received(camera)

    metrics.received("kitchen")
    metrics.dispatched("kitchen", waited_seconds=0.01)

    assert received(registry, "kitchen") == 1
    assert received(registry, "new") is None
    dispatched = {"camera": "kitchen"}
    assert registry.get_sample_value("moodcue_frames_dispatched_total", dispatched) == 1
    assert registry.get_sample_value("moodcue_frame_wait_seconds_count") == 1
