"""The methods by name."""

from sentinode.models.mil.aggregator_config import AggregatorConfig, Method
from sentinode.models.mil.aggregators.aggregator import Aggregator
from sentinode.models.mil.aggregators.clam_sb import ClamSb
from sentinode.models.mil.aggregators.dsmil import Dsmil
from sentinode.models.mil.aggregators.gated_attention import GatedAttention
from sentinode.models.mil.aggregators.max_pooling import MaxPooling
from sentinode.models.mil.aggregators.mean_pooling import MeanPooling
from sentinode.models.mil.aggregators.top_k_pooling import TopKPooling
from sentinode.models.mil.aggregators.transmil import TransMil

AGGREGATORS: dict[Method, type[Aggregator]] = {
    "mean": MeanPooling,
    "max": MaxPooling,
    "top-k": TopKPooling,
    "abmil": GatedAttention,
    "clam-sb": ClamSb,
    "dsmil": Dsmil,
    "transmil": TransMil,
}
"""Method → aggregator, in the order in which they are shown."""


def build_aggregator(config: AggregatorConfig, dim: int, classes: int) -> Aggregator:
    """An aggregator with random weights of torch's generator.

    Args:
        config: Its method and sizes.
        dim: D, the length of a tile's features.
        classes: Of a slide; more than two are ordered.
    """
    return AGGREGATORS[config.method](dim, config, classes)
