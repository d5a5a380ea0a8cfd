from prometheus_client import CollectorRegistry, Counter

from moodcue.labels import IDLE_USES, OTHERS, BoundedLabels


def shown(registry: CollectorRegistry) -> dict[str, float]:
    return {
        sample.labels["camera"]: sample.value
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name == "frames_total"
    }


def test_names_beyond_the_limit_are_counted_together_and_take_no_place_from_those_in_use() -> None:
    registry = CollectorRegistry()
    frames = Counter("frames", "Frames", ["camera"], registry=registry)
    cameras = BoundedLabels("camera", metrics=[frames], limit=2)

    for number in range(1000):
        for name in ("kitchen", "hall", f"invented-{number}"):
            frames.labels(cameras.use(name)).inc()

    assert shown(registry) == {"kitchen": 1000, "hall": 1000, OTHERS: 1000}


def test_a_name_that_is_no_longer_used_gives_its_place_and_its_figures_to_a_new_one() -> None:
    registry = CollectorRegistry()
    frames = Counter("frames", "Frames", ["camera"], registry=registry)
    forgotten: list[str] = []
    cameras = BoundedLabels("camera", metrics=[frames], limit=2, on_forget=forgotten.append)

    for name in ("old", *["kitchen"] * 2 * IDLE_USES, "new", "newer"):
        frames.labels(cameras.use(name)).inc()

    assert shown(registry) == {"kitchen": 2 * IDLE_USES, "new": 1, OTHERS: 1}
    assert forgotten == ["old"]
