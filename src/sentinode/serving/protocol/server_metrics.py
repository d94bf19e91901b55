"""What Prometheus reads: a registry of its own for each app, with labels of bounded number."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_IMAGES = (1, 2, 4, 8, 16, 32)


class Metrics:
    """Counters and gauges of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        r = self._registry
        self._seconds = Histogram(
            "sentinode_request_seconds", "Time to answer", ["method", "path"], buckets=_SECONDS, registry=r
        )
        self._answers = Counter("sentinode_requests", "Answers by status", ["method", "path", "status"], registry=r)
        self._predictions = Counter("sentinode_predictions", "Predictions by class", ["prediction"], registry=r)
        self._low = Counter(
            "sentinode_low_confidence_predictions", "Predictions in the low-confidence band", registry=r
        )
        self._batches = Histogram("sentinode_batch_images", "Images of a batch", buckets=_IMAGES, registry=r)
        self._scans = Gauge("sentinode_scans", "Scans by status", ["status"], registry=r)
        self._ready = Gauge("sentinode_model_ready", "Whether the model is loaded", ["name", "version"], registry=r)
        # Children are kept: `labels` costs more than what it counts.
        self._seconds_of: dict[tuple[str, str], Histogram] = {}
        self._answers_of: dict[tuple[str, str, int], Counter] = {}
        self._predictions_of: dict[str, Counter] = {}

    def watch(self, name: str, what: str, value: Callable[[], float]) -> None:
        """A gauge that asks `value` when it is read."""
        Gauge(f"sentinode_{name}", what, registry=self._registry).set_function(value)

    def answered(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count an answer; `path` is the route's template, never what a client wrote."""
        timed = self._seconds_of.get((method, path))
        if timed is None:
            timed = self._seconds_of[method, path] = self._seconds.labels(method, path)
        counted = self._answers_of.get((method, path, status))
        if counted is None:
            counted = self._answers_of[method, path, status] = self._answers.labels(method, path, str(status))
        timed.observe(seconds)
        counted.inc()

    def predicted(self, label: str, *, low: bool) -> None:
        """Count a prediction."""
        counted = self._predictions_of.get(label)
        if counted is None:
            counted = self._predictions_of[label] = self._predictions.labels(label)
        counted.inc()
        if low:
            self._low.inc()

    def batch(self, images: int) -> None:
        """Count a batch."""
        self._batches.observe(images)

    def scans(self, counts: dict[str, int]) -> None:
        """Set the number of scans in each state."""
        for status in ("queued", "running", "finished", "failed", "cancelled"):
            self._scans.labels(status).set(counts.get(status, 0))

    def model(self, name: str, version: str, *, ready: bool) -> None:
        """Set whether the model is loaded; of another that was in service before nothing is left."""
        self._ready.clear()
        self._ready.labels(name, version).set(ready)

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self._registry)
