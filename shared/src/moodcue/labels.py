"""Labels of metrics whose values come from outside."""

from collections import OrderedDict
from collections.abc import Callable, Collection

from prometheus_client.metrics import MetricWrapperBase

MAX_LABELS = 500


class RecentLabels:
    """Lets the most recently used values of a label stand, and removes the figures of the others.

    A camera or a worker may call itself anything, and each name costs a time series in every
    metric that has it for a label.

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
        self._values: OrderedDict[str, None] = OrderedDict()

    def use(self, value: str) -> str:
        """Return a value that is about to be used; the one used longest ago may fall out."""
        self._values[value] = None
        self._values.move_to_end(value)
        if len(self._values) > self._limit:
            self.forget(next(iter(self._values)))
        return value

    def forget(self, value: str) -> None:
        """Remove the figures of a value."""
        self._values.pop(value, None)
        for metric in self._metrics:
            metric.remove_by_labels({self._label: value})
        self._on_forget(value)
