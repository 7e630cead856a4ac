"""Reports what the demo has counted."""

from typing import ClassVar

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from jero import Endpoint, TextResponse


class MetricsEndpoint(Endpoint, path="/metrics"):
    """The metrics of this process, for Prometheus."""

    tags: ClassVar = ["health"]

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    async def get(self) -> TextResponse:
        """Returns the metrics in the text format of Prometheus."""
        return TextResponse(generate_latest(self._registry).decode(), raw_headers={"Content-Type": CONTENT_TYPE_LATEST})
