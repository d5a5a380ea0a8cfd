from prometheus_client import CollectorRegistry

from moodcue.labels import MAX_LABELS
from moodcue_broker.metrics import BrokerMetrics


def test_a_camera_that_fell_out_of_the_metrics_and_comes_back_is_counted_again() -> None:
    registry = CollectorRegistry()
    metrics = BrokerMetrics(registry)
    for camera in ("kitchen", *(f"invented-{number}" for number in range(MAX_LABELS)), "kitchen"):
        metrics.received(camera)
        metrics.dispatched(camera, waited_seconds=0.01)

    for name in ("received_total", "dispatched_total"):
        assert registry.get_sample_value(f"moodcue_frames_{name}", {"camera": "kitchen"}) == 1
    waits = registry.get_sample_value("moodcue_frame_wait_seconds_count", {"camera": "kitchen"})
    assert waits == 1
