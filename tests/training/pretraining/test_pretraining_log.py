"""When a run ends because its probe fell, and which weights are kept."""

import pytest

from sentinode.training.pretraining.pretrain_recipe import ProbeConfig
from sentinode.training.pretraining.pretraining_log import ProbeRow, best_row, has_fallen

_CONFIG = ProbeConfig(patience=2, tolerance=0.01)


def _rows(*probes: float) -> list[ProbeRow]:
    return [ProbeRow(10 * place, 0.0, probe, 0.3, 50.0, 0.9) for place, probe in enumerate(probes)]


@pytest.mark.parametrize(
    ("probes", "fell"),
    [
        ((0.8, 0.9, 0.88, 0.88), True),
        ((0.8, 0.9, 0.88), False),  # once is chance
        ((0.8, 0.9, 0.895, 0.895, 0.895), False),  # within the tolerance
        ((0.8, 0.9, 0.88, 0.9, 0.88), False),
        ((0.99, 0.8, 0.81, 0.82), False),  # below the start, but rising
    ],
)
def test_a_run_ends_when_the_probe_is_below_its_best_for_a_while(probes: tuple[float, ...], fell: bool) -> None:
    assert has_fallen(_rows(*probes), _CONFIG) is fell


def test_the_start_is_never_what_is_kept() -> None:
    assert best_row(_rows(0.99, 0.8, 0.85, 0.85)).step == 20
