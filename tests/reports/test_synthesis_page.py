"""The page of a generator."""

from sentinode.core.metric import Metric
from sentinode.reports.synthesis_page import _shown


def test_figures_below_zero_have_a_minus_sign() -> None:
    assert _shown(Metric(-62.84, -80.0, 12.0, "half-samples")) == "−62.8 (−80.0 to 12.0)"
    assert _shown(Metric(-0.5, -0.7, 0.25, "half-samples")) == "−0.500 (−0.700 to 0.250)"
