"""The FROC curve with its band and the six rates that the score reads."""

import numpy as np

from sentinode.metrics.froc.curve import GRID, RATES, Froc
from sentinode.reports import wording
from sentinode.reports.charts.chart import CARD, INK, MODEL, MUTED, SQUARE, Chart, canvas


def froc_chart(result: Froc) -> Chart:
    """Sensitivity by false positives per slide, each doubling as wide as the next; the six rates as points."""
    x, y = np.asarray(result.curve.false_positives), np.asarray(result.curve.sensitivity)
    # Where the curve bends, too, not only on the band's grid: ties make steep steps between two of its points.
    inside = np.unique(np.concatenate([GRID, x[(x >= GRID[0]) & (x <= GRID[-1])]]))
    with canvas(height=SQUARE) as (figure, (axes,)):
        axes.fill_between(GRID, result.band_low, result.band_high, color=MODEL, alpha=0.16, linewidth=0)
        axes.plot(inside, np.interp(inside, x, y), color=MODEL)
        values = [metric.value or 0.0 for metric in result.sensitivities]
        axes.plot(RATES, values, "o", color=INK, markersize=7, markeredgecolor=CARD, linestyle="none", clip_on=False)
        axes.set_xscale("log", base=2)
        axes.set(xlim=(GRID[0], GRID[-1] * 1.04), ylim=(-0.01, 1.01))
        axes.set(xlabel="False positives per slide", ylabel="Sensitivity")
        axes.set_xticks([GRID[0], *RATES], ["1/8", "1/4", "1/2", "1", "2", "4", "8"])
        axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1], ["0", "0.2", "0.4", "0.6", "0.8", "1"])
        # A curve rises to the right: below its end there is room, or above its start.
        place = (0.98, 0.05, "right") if min(values[2:]) > 0.25 else (0.02, 0.86, "left")
        axes.text(
            place[0], place[1] + 0.07, f"FROC score {wording.number(result.score.value)}", ha=place[2], color=MODEL,
            transform=axes.transAxes, fontsize=16,
        )  # fmt: skip
        between = f"{wording.INTERVAL} {wording.interval('froc', result.score)}"
        axes.text(place[0], place[1], between, ha=place[2], color=MUTED, transform=axes.transAxes, fontsize=11)
    rates = "; ".join(
        f"{wording.per_cent(metric.value)} at {rate:g}"
        for rate, metric in zip(RATES, result.sensitivities, strict=True)
    )
    alt = (
        f"FROC curve, score {wording.with_interval('froc', result.score)}. Sensitivity by false positives per slide:"
        f" {rates}."
    )
    return Chart("froc", alt, figure)
