"""What acting on the answers would bring: predictive values, net benefit, and the use of the low-confidence flag."""

import numpy as np
from matplotlib.axes import Axes

from sentinode.core.metric import Metric
from sentinode.metrics.decisions.clinical_utility import DecisionCurve, predictive_values
from sentinode.metrics.decisions.low_confidence import FlaggedResult, RiskCoverage
from sentinode.reports import wording
from sentinode.reports.charts.chart import (
    DASHES,
    FLAG,
    INK,
    MODEL,
    MUTED,
    NEGATIVE,
    POSITIVE,
    SHARES,
    Chart,
    canvas,
    per_cent_axis,
)

_NAN = float("nan")


def prevalence_chart(sensitivity: Metric, specificity: Metric, here: float) -> Chart:
    """PPV and NPV over prevalence on a logarithmic axis, with their intervals and the prevalence of the test set.

    The band takes sensitivity and specificity both at the lower and both at the upper ends of their intervals.
    """
    x = np.geomspace(0.001, 0.95, 120)
    middle, low, high = (
        predictive_values(_or_nan(getattr(sensitivity, end)), _or_nan(getattr(specificity, end)), x)
        for end in ("value", "low", "high")
    )
    with canvas() as (figure, (axes,)):
        axes.set_xscale("log")
        axes.axvline(here, color=MUTED, linewidth=1.2, linestyle=DASHES[1])
        axes.text(here * 0.92, 0.02, "this set", ha="right", color=MUTED, fontsize=11)
        for index, (label, colour) in enumerate((("PPV", POSITIVE), ("NPV", NEGATIVE))):
            axes.fill_between(x, low[index], high[index], color=colour, alpha=0.2, linewidth=0)
            axes.plot(x, middle[index], color=colour, label=label)
        axes.legend(loc="center left")
        axes.set(xlim=(x[0], 1), ylim=(-0.01, 1.03), xlabel="Prevalence", ylabel="Predictive value")
        axes.set_yticks(*SHARES)
        axes.set_xticks([0.001, 0.01, 0.1, 0.5], ["0.1 %", "1 %", "10 %", "50 %"])
        axes.minorticks_off()
    words = []
    for share in (0.01, 0.1, 0.5):
        ppv, npv = predictive_values(_or_nan(sensitivity.value), _or_nan(specificity.value), share)
        words.append(f"at {100 * share:g} % prevalence PPV {ppv:.3f} and NPV {npv:.3f}")
    return Chart("prevalence", f"PPV and NPV over prevalence: {'; '.join(words)}.", figure)


def decision_chart(curve: DecisionCurve, prevalence: float) -> Chart:
    """Net benefit of the model, of treating all and of treating nobody."""
    x, model, everybody = (np.asarray(values) for values in (curve.threshold, curve.model, curve.treat_all))
    with canvas() as (figure, (axes,)):
        top = max(prevalence, float(model.max()))
        axes.set(xlim=(0, 1), ylim=(-0.12 * top, 1.08 * top))
        axes.axhline(0, color=MUTED, linewidth=1.6)
        axes.text(0.98, 0.02 * top, "treat nobody", ha="right", color=MUTED, fontsize=11.5)
        axes.plot(x, everybody, color=FLAG, linestyle=DASHES[1])
        axes.plot(x, model, color=MODEL)
        axes.set(xlabel="Threshold probability", ylabel="Net benefit")
        axes.set_xticks(*SHARES)
        half = int(np.argmin(np.abs(everybody - 0.45 * top)))
        axes.text(x[half] - 0.02, everybody[half], "treat all", ha="right", va="top", color=INK, fontsize=11.5)
        third = int(np.argmin(np.abs(x - 0.6)))
        axes.text(x[third], model[third] + 0.04 * top, "model", color=MODEL, fontsize=12.5)
    better = x[(model > 0) & (model > everybody)]
    where = f"from {better.min():.2f} to {better.max():.2f}" if better.size else "nowhere"
    alt = f"Decision curve: at threshold probabilities {where} the model beats treating all and treating nobody."
    return Chart("decision", alt, figure)


def risk_coverage_chart(curve: RiskCoverage, flag: FlaggedResult | None) -> Chart:
    """Error rate among the most confident share of the samples, with the point that the low-confidence flag keeps."""
    coverage, risk = np.asarray(curve.coverage), np.asarray(curve.risk)
    with canvas() as (figure, (axes,)):
        top = max(float(risk[coverage >= 0.05].max(initial=0)), float(risk[-1]), 1e-3)
        axes.axhline(risk[-1], color=MUTED, linewidth=1.2, linestyle=DASHES[1])
        axes.text(0.01, risk[-1] + 0.02 * top, "all answers", color=MUTED, fontsize=11)
        axes.plot(coverage, risk, color=MODEL)
        axes.set(xlim=(0, 1.01), ylim=(-0.02 * top, 1.2 * top))
        axes.set(xlabel="Coverage (share answered)", ylabel="Error rate among them")
        per_cent_axis(axes.xaxis)
        per_cent_axis(axes.yaxis)
        if flag is not None:
            _flag_point(axes, flag)
    at_90 = float(np.interp(0.9, coverage, risk))
    alt = (
        f"Risk–coverage curve: error rate {wording.per_cent(float(risk[-1]))} over all answers,"
        f" {wording.per_cent(at_90)} over the most confident 90 %."
    )
    return Chart("risk-coverage", alt, figure)


def _flag_point(axes: Axes, flag: FlaggedResult) -> None:
    if flag.flagged.value is None or flag.error_rate_kept.value is None:
        return
    x, y = 1 - flag.flagged.value, flag.error_rate_kept.value
    axes.plot(x, y, "o", color=FLAG, markersize=9, markeredgecolor=INK, markeredgewidth=1)
    axes.annotate(
        "without the flagged", (x, y), (-8, 12), textcoords="offset points", ha="right", color=INK, fontsize=11.5
    )


def _or_nan(value: float | None) -> float:
    return _NAN if value is None else value
