"""Pictures of a search: every trial's figure over its epochs, what each key matters, each key's values."""

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from sentinode.core.messages import listed, plural
from sentinode.reports import wording
from sentinode.reports.charts.chart import CARD, COLOURS, INK, MODEL, MUTED, Chart, canvas, ticks_apart
from sentinode.reports.search_results import SearchResults, capital, metric_words, value_words
from sentinode.reports.wording import shortened

_FEW_VALUES = 6  # of a key, each of which then gets its own tick
_FITTING = 36  # letters of all the names of a key's values that fit side by side
_LOG_SPAN = 8  # largest over smallest value from which a logarithmic axis is easier to read


def trial_curves(results: SearchResults) -> Chart | None:
    """The monitored figure of every trial by epoch; the best in colour, pruned ones ending in a cross."""
    drawn = [trial for trial in results.trials if trial.curve]
    best = results.best
    if not drawn:
        return None
    with canvas(820, 360) as (figure, (axes,)):
        for trial in sorted(drawn, key=lambda trial: trial == best):
            epochs, figures = [epoch for epoch, _ in trial.curve], [figure for _, figure in trial.curve]
            if trial == best:
                axes.plot(epochs, figures, color=MODEL, linewidth=2.6, marker="o", markersize=5, zorder=4)
            else:
                axes.plot(epochs, figures, color=MUTED, linewidth=1.1, alpha=0.55, zorder=2)
                mark = "x" if trial.state == "pruned" else "o"
                axes.plot(epochs[-1:], figures[-1:], mark, color=MUTED, markersize=5 if mark == "x" else 3, zorder=3)
        _legend(axes, results)
        axes.set(xlabel="Epoch", ylabel=capital(metric_words(results.metric)))
        axes.margins(x=0.03, y=0.08)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True))
    return Chart("trial-curves", _curve_words(results, len(drawn)), figure)


def importance_chart(results: SearchResults) -> Chart | None:
    """A bar for each key: its share of the figure's variance over the trials."""
    if not results.importances:
        return None
    items = sorted(results.importances.items(), key=lambda item: item[1])
    with canvas(400, 76 + 42 * len(items)) as (figure, (axes,)):
        places = range(len(items))
        axes.barh(places, [share for _, share in items], height=0.34, color=MODEL)
        for place, (key, share) in enumerate(items):
            axes.text(0, place + 0.26, key, va="bottom", ha="left", fontsize=11.5, color=INK)
            axes.text(share + 0.015, place, wording.per_cent(share, 0), va="center", fontsize=11, color=MUTED)
        axes.set(xlim=(0, 1.12), ylim=(-0.45, len(items) - 0.3), xlabel="Share of the variance over the trials")
        axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.grid(False, axis="y")
    shares = listed([f"{key} {wording.per_cent(share, 0)}" for key, share in reversed(items)])
    return Chart("importances", f"Share of the variance over the trials by key: {shares}.", figure)


def value_charts(results: SearchResults) -> list[Chart]:
    """For each key the figures of the trials that came to their end over its values."""
    if len(results.ranked) < 2:
        return []
    return [_value_chart(results, key, place) for place, key in enumerate(results.keys)]


def _value_chart(results: SearchResults, key: str, place: int) -> Chart:
    trials = [trial for trial in results.ranked if key in trial.values]
    values, figures = [trial.values[key] for trial in trials], [trial.figure or 0.0 for trial in trials]
    with canvas(400, 280) as (figure, (axes,)):
        places = _axis(axes, values)
        axes.plot(places, figures, "o", color=COLOURS["sky"], markeredgecolor=CARD, markersize=8)
        axes.plot(places[:1], figures[:1], "o", color=MODEL, markeredgecolor=CARD, markersize=11)
        axes.set(xlabel=key, ylabel=capital(metric_words(results.metric)))
        axes.margins(x=0.08, y=0.12)
    alt = f"{capital(metric_words(results.metric))} of {plural(len(trials), 'trial')} over {key}; the best has "
    return Chart(f"values-{place}", f"{alt}{value_words(values[0])}.", figure)


def _axis(axes: Axes, values: list[object]) -> list[float]:
    """Set up the horizontal axis for `values`; returns where each lies on it."""
    numbers = [float(value) for value in values if isinstance(value, int | float) and not isinstance(value, bool)]
    if len(numbers) < len(values):
        names = sorted({value_words(value) for value in values})
        # One below the other they would need half the width; aslant they fit whatever they are called.
        aslant = sum(map(len, names)) > _FITTING
        axes.set_xticks(range(len(names)), [shortened(name, 22) for name in names])
        axes.tick_params(axis="x", rotation=28 if aslant else 0)
        for label in axes.get_xticklabels():
            label.set(ha="right" if aslant else "center", rotation_mode="anchor")
        axes.set_xlim(-0.5, len(names) - 0.5)
        return [float(names.index(value_words(value))) for value in values]
    different = sorted(set(numbers))
    log = different[0] > 0 and different[-1] / different[0] >= _LOG_SPAN
    axes.set_xscale("log" if log else "linear")
    if len(different) <= _FEW_VALUES:
        shown = ticks_apart(different, log=log, most=_FEW_VALUES)
        axes.set_xticks(shown, [value_words(value) for value in shown])
    else:
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: value_words(value)))
    axes.xaxis.set_minor_locator(NullLocator())
    return numbers


def _legend(axes: Axes, results: SearchResults) -> None:
    best = results.best
    if best is not None:
        label = f"trial {best.number}, the best"
        axes.plot([], [], color=MODEL, linewidth=2.6, marker="o", markersize=5, label=label)
    axes.plot([], [], color=MUTED, linewidth=1.1, marker="o", markersize=3, label="the others")
    if results.of("pruned"):
        axes.plot([], [], color=MUTED, linewidth=1.1, marker="x", markersize=5, label="ended early")
    axes.legend(loc="upper right" if results.lower_is_better else "lower right")


def _curve_words(results: SearchResults, drawn: int) -> str:
    words = f"{capital(metric_words(results.metric))} by epoch of {plural(drawn, 'trial')}"
    if (pruned := len(results.of("pruned"))) > 0:
        words += f", {pruned} of them ended early"
    best = results.best
    return (
        f"{words}."
        if best is None
        else f"{words}; the best, trial {best.number}, has {wording.number(best.figure, 4)}."
    )
