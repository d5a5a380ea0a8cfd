"""Labels of metrics whose values come from outside."""

from collections import OrderedDict
from collections.abc import Callable, Collection

from prometheus_client.metrics import MetricWrapperBase

MAX_LABELS = 500
IDLE_USES = 100
OTHERS = "(others)"
"""Stands for all values that have no time series of their own; it is no usable name of a camera."""


class BoundedLabels:
    """Lets a bounded number of values of a label stand, and the others as `OTHERS` together.

    A camera may call itself anything, and each name costs a time series in every metric that has
    it for a label. A value that was not used while the label was used `IDLE_USES` times as often as
    it has values gives its place, and its figures, to a new one.

    Args:
        label: name of the label.
        metrics: that have it.
        limit: how many values stand at the same time.
        on_forget: called with each value whose figures were removed.
    """

    def __init__(
        self,
        label: str,
        *,
        metrics: Collection[MetricWrapperBase],
        limit: int = MAX_LABELS,
        on_forget: Callable[[str], object] = lambda _: None,
    ) -> None:
        self._label = label
        self._metrics = tuple(metrics)
        self._limit = limit
        self._on_forget = on_forget
        self._uses = 0
        self._last_use: OrderedDict[str, int] = OrderedDict()

    def use(self, value: str) -> str:
        """Return what stands for a value that is about to be used: itself, or `OTHERS`."""
        self._uses += 1
        if value not in self._last_use and not self._make_room():
            return OTHERS
        self._last_use[value] = self._uses
        self._last_use.move_to_end(value)
        return value

    def _make_room(self) -> bool:
        if len(self._last_use) < self._limit:
            return True
        oldest, last_use = next(iter(self._last_use.items()))
        if self._uses - last_use <= IDLE_USES * self._limit:
            return False
        del self._last_use[oldest]
        for metric in self._metrics:
            metric.remove_by_labels({self._label: oldest})
        self._on_forget(oldest)
        return True
