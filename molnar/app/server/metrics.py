"""What the server counts, in the Prometheus text format; no prompt and no client in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.process_collector import ProcessCollector

__all__ = ["CONTENT_TYPE_LATEST", "Metrics"]

SECONDS = (0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128)
TYPICAL_SECONDS = 1.0  # of a job, before one was done
LATEST = 0.1  # weight of the latest job in the mean


class Metrics:
    """Counters and gauges of one server.

    Example:
        >>> metrics = Metrics()
        >>> metrics.accepted.labels(verb="make").inc()
        >>> b'molnar_jobs_accepted_total{verb="make"} 1.0' in metrics.text()
        True
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry, namespace="molnar_web")
        self._mean = TYPICAL_SECONDS
        self.accepted = self._counter("jobs_accepted", "Jobs taken into the queue.", "verb")
        self.refused = self._counter("jobs_refused", "Jobs for which there was no place.")
        self.jobs = self._counter("jobs_ended", "Jobs that ended, by how.", "state")
        self.pictures = self._counter("pictures", "Pictures drawn.")
        self.steps = self._counter("steps", "Sampling steps taken.")
        self.deaths = self._counter("worker_deaths", "Ends of the worker nobody asked for.")
        self.out_of_memory = self._counter("out_of_memory", "Jobs that memory did not suffice for.")
        self.requests = self._counter("http_requests", "Answers over HTTP.", "part", "status")
        self.seconds = Histogram(
            "molnar_job_seconds", "From a job's start to its end.", buckets=SECONDS,
            registry=self.registry,
        )  # fmt: skip
        self._memory = Gauge(
            "molnar_worker_resident_memory_bytes", "Memory of the worker.", registry=self.registry
        )

    def watch(self, name: str, help: str, value: Callable[[], float]) -> None:
        """Add a gauge whose value is looked up when it is asked for."""
        Gauge(f"molnar_{name}", help, registry=self.registry).set_function(value)

    def ended(self, state: str, seconds: float) -> None:
        """Count a job that ended."""
        self.jobs.labels(state=state).inc()
        if seconds:
            self.seconds.observe(seconds)
            self._mean += LATEST * (seconds - self._mean)

    def seconds_a_job(self) -> float:
        """Give the mean of the latest jobs."""
        return self._mean

    def measured(self, said: Mapping[str, Any]) -> None:
        """Take over what the worker measured of itself."""
        if "memory" in said:
            self._memory.set(float(said["memory"]))
        if said.get("out_of_memory"):
            self.out_of_memory.inc()

    def text(self) -> bytes:
        """Write everything out."""
        return generate_latest(self.registry)

    def _counter(self, name: str, help: str, *labels: str) -> Counter:
        return Counter(f"molnar_{name}", help, labels, registry=self.registry)
