from prometheus_client import CollectorRegistry, Counter

from moodcue.labels import RecentLabels


def test_only_the_names_used_last_cost_a_time_series() -> None:
    registry = CollectorRegistry()
    frames = Counter("frames", "Frames", ["camera", "reason"], registry=registry)
    forgotten: list[str] = []
    cameras = RecentLabels("camera", metrics=[frames], limit=2, on_forget=forgotten.append)

    for name in ("kitchen", "hall", "kitchen", "invented", "invented too"):
        for reason in ("late", "lost"):
            frames.labels(cameras.use(name), reason).inc()

    shown = {
        sample.labels["camera"]
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name == "frames_total"
    }
    assert shown == {"invented", "invented too"}
    assert set(forgotten) == {"kitchen", "hall"}
