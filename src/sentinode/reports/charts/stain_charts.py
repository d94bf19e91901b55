"""Colour and stain of a data set's images: their spread by class and split, and haematoxylin against eosin."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from sentinode.core.messages import plural
from sentinode.reports.charts.chart import COLOURS, NEGATIVE, POSITIVE, SERIES, Chart, canvas, variable
from sentinode.reports.wording import FEW

_PANELS = (
    ("haematoxylin_mean", "Haematoxylin, mean density"),
    ("eosin_mean", "Eosin, mean density"),
    ("haematoxylin_std", "Haematoxylin, contrast"),
    ("red_mean", "Red, mean grey level"),
    ("green_mean", "Green, mean grey level"),
    ("blue_mean", "Blue, mean grey level"),
)
_SIDES = tuple(COLOURS[name] for name in ("green", "orange", "purple", "muted"))
"""Colours of splits: none of the two that the classes of a usual set have."""

_MARKERS = ("o", "s", "^")  # a turn through the colours each
_POINTS = 700  # of a scatter: more would weigh on the page and show nothing new
_WIDE = 900


def class_colours(names: Sequence[str], positive: str | None) -> dict[str, str]:
    """The CSS variable of each class; the positive one has the colour that it has in every report."""
    return {name: variable(colour) for name, colour in _colours(names, positive).items()}


def _colours(names: Sequence[str], positive: str | None) -> dict[str, str]:
    others = list(SERIES)
    if positive in names:
        others = [NEGATIVE, *(colour for colour in SERIES if colour not in (POSITIVE, NEGATIVE))]
    rest = [name for name in names if name != positive]
    colours = {name: others[place % len(others)] for place, name in enumerate(rest)}
    return {name: colours.get(name, POSITIVE) for name in names}


def stain_quantiles(table: pd.DataFrame, names: Sequence[str], positive: str | None, sides: Sequence[str]) -> Chart:
    """For six statistics, each class and split: median, middle half, and the range that holds 90 % of the images.

    Args:
        table: One line for each image: `label`, `split`, and a column for each statistic.
        names: The classes.
        positive: The positive one, if there is one.
        sides: The splits, in the order of the rows.
    """
    parts = {key: part for key, part in table.groupby(["split", "label"])}  # noqa: C416  (typed as a plain dict)
    rows = [(side, name) for side in sides for name in names if (side, name) in parts]
    colours = _colours(names, positive)
    with canvas(_WIDE, 150 + 36 * len(rows), rows=2, columns=3) as (figure, axes):
        for panel, (column, label) in zip(axes, _PANELS, strict=True):
            for place, key in enumerate(rows):
                _spread(panel, place, parts[key][column].to_numpy(np.float64), colours[key[1]])
            panel.set(xlabel=label, ylim=(len(rows) - 0.4, -0.6))
            panel.grid(visible=False, axis="y")
            panel.locator_params(axis="x", nbins=5)
            panel.set_yticks(range(len(rows)), [])
        for panel in axes[::3]:
            panel.set_yticks(range(len(rows)), [f"{side} · {name}" for side, name in rows])
    middles = "; ".join(f"{side} {name} {parts[side, name]['haematoxylin_mean'].median():.3f}" for side, name in rows)
    return Chart("stain-quantiles", f"Colour and stain by split and class. Median haematoxylin: {middles}.", figure)


def _spread(axes: Axes, place: int, values: NDArray[np.float64], colour: str) -> None:
    low, lower, middle, upper, high = np.quantile(values, (0.05, 0.25, 0.5, 0.75, 0.95))
    axes.plot([low, high], [place, place], color=colour, linewidth=1.6)
    axes.plot([lower, upper], [place, place], color=colour, linewidth=6, solid_capstyle="butt", alpha=0.55)
    axes.plot([middle], [place], "o", color=colour, markersize=5.5)


def stain_plane(table: pd.DataFrame, names: Sequence[str], positive: str | None, sides: Sequence[str]) -> Chart:
    """Haematoxylin against eosin, a dot an image: coloured by class, and by split. Arguments as above."""
    shown = table.sample(min(_POINTS, len(table)), random_state=0)
    present = [side for side in sides if (table["split"] == side).any()]
    by_side = dict(zip(present, _SIDES, strict=False))
    with canvas(_WIDE, 380 if len(names) <= FEW else 380 + 11 * len(names), columns=2) as (figure, (left, right)):
        _scatter(left, shown, "label", _colours(names, positive))
        _scatter(right, shown, "split", by_side)
        left.set_ylabel("Eosin, mean density")
    return Chart(
        "stain-plane",
        f"Haematoxylin against eosin of {plural(len(shown), 'image')}, coloured by class and by split.",
        figure,
    )


def _scatter(axes: Axes, shown: pd.DataFrame, column: str, colours: dict[str, str]) -> None:
    for place, (name, colour) in enumerate(colours.items()):
        part, marker = shown[shown[column] == name], _MARKERS[place // len(SERIES) % len(_MARKERS)]
        x, y = part["haematoxylin_mean"], part["eosin_mean"]
        axes.plot(x, y, marker, color=colour, markersize=3.4, alpha=0.5, markeredgewidth=0)
        axes.plot([], [], marker, color=colour, label=name)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=min(len(colours), 3), handletextpad=0.1)
    axes.set_xlabel("Haematoxylin, mean density")
