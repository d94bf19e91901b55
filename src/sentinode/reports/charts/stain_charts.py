"""The figures of an inspection, as inline SVG: text stays text, and colours follow the page in light and in dark.

Matplotlib knows no CSS variables. So each colour is drawn as a value that nothing else uses, and replaced afterwards.
"""

import io
import re
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from sentinode.data.inspection.facts import SIDES

SERIES = 9
"""Colours that the page has for classes and splits; a tenth class begins again."""

_SPLIT_SERIES = 3  # splits begin here, so that of two classes none shares its colour with one
_INK, _MUTED, _GRID = "#010203", "#010204", "#010205"
_SERIES = tuple(f"#0102{16 + k:02x}" for k in range(SERIES))
_VARIABLES = {
    **{_INK: "--ink", _MUTED: "--muted", _GRID: "--rule"},
    **{colour: f"--series-{k}" for k, colour in enumerate(_SERIES)},
}
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "sentinode",  # the same figure gives the same bytes
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": _INK,
    "axes.edgecolor": _GRID,
    "axes.labelcolor": _MUTED,
    "axes.titlecolor": _INK,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": _MUTED,
    "ytick.color": _INK,
    "grid.color": _GRID,
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.h_pad": 0.12,
    "figure.constrained_layout.w_pad": 0.1,
}
_PANELS = (
    ("haematoxylin_mean", "Haematoxylin", "mean optical density"),
    ("eosin_mean", "Eosin", "mean optical density"),
    ("haematoxylin_std", "Contrast of haematoxylin", "standard deviation"),
    ("red_mean", "Red", "mean grey level, 0 to 255"),
    ("green_mean", "Green", "mean grey level, 0 to 255"),
    ("blue_mean", "Blue", "mean grey level, 0 to 255"),
)
_FEW = 4  # classes whose legend fits into the plot
_POINTS = 700  # of a scatter: more would weigh on the page and show nothing new


def series_colour(position: int) -> str:
    """The CSS variable of the class or split at `position`."""
    return f"var(--series-{position % SERIES})"


def stain_quantiles(table: pd.DataFrame, class_names: Sequence[str]) -> str:
    """For six statistics, each class and split: median, middle half, and the range that holds 90 % of the images."""
    rows = [(role, name) for role in SIDES for name in class_names]
    parts = {key: part for key, part in table.groupby(["role", "label"])}  # noqa: C416  (typed as a plain dict)
    rows = [row for row in rows if row in parts]
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(10.4, 1.3 + 2 * (0.75 + 0.23 * len(rows))))
        grid = figure.subplots(2, 3, sharey=True)
        for axes, (column, title, unit) in zip(grid.flat, _PANELS, strict=True):
            for place, row in enumerate(rows):
                values = parts[row][column].to_numpy(np.float64)
                _summary(axes, place, values, _SERIES[list(class_names).index(row[1]) % SERIES])
            axes.set_title(title)
            axes.set_xlabel(unit)
            axes.grid(axis="x", linewidth=0.8)
            axes.set_axisbelow(True)
            axes.tick_params(length=0)
            axes.spines["left"].set_visible(False)
        for axes in grid[:, 0]:
            axes.set_yticks(range(len(rows)), [f"{role} · {name}" for role, name in rows])
            axes.set_ylim(len(rows) - 0.4, -0.6)
        return _svg(figure)


def _summary(axes: Axes, place: int, values: NDArray[np.float64], colour: str) -> None:
    low, lower, middle, upper, high = np.quantile(values, (0.05, 0.25, 0.5, 0.75, 0.95))
    axes.plot([low, high], [place, place], color=colour, linewidth=1.6, solid_capstyle="round")
    axes.plot([lower, upper], [place, place], color=colour, linewidth=6, solid_capstyle="butt", alpha=0.55)
    axes.plot([middle], [place], "o", color=colour, markersize=5.5)


def stain_plane(table: pd.DataFrame, class_names: Sequence[str]) -> str:
    """Haematoxylin against eosin, a dot an image: coloured by class, and by split."""
    shown = table.sample(min(_POINTS, len(table)), random_state=0)
    sides = [role for role in SIDES if (table["role"] == role).any()]
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(10.4, 4.6 if len(class_names) <= _FEW else 6.0))
        left, right = figure.subplots(1, 2, sharex=True, sharey=True)
        for axes, column, names, first, title in (
            (left, "label", class_names, 0, "By class"),
            (right, "role", sides, _SPLIT_SERIES, "By split"),
        ):
            for k, name in enumerate(names, start=first):
                part = shown[shown[column] == name]
                colour = _SERIES[k % SERIES]
                axes.plot(
                    part["haematoxylin_mean"], part["eosin_mean"], "o",
                    color=colour, markersize=3.2, alpha=0.5, markeredgewidth=0,
                )  # fmt: skip
                axes.plot([], [], "o", color=colour, label=name)
            few = len(names) <= _FEW
            axes.legend(
                frameon=False, loc="upper left", handletextpad=0.2, borderaxespad=0,
                bbox_to_anchor=None if few else (0, -0.16), ncols=1 if few else 2,
            )  # fmt: skip
            axes.set_title(title)
            axes.set_xlabel("haematoxylin, mean optical density")
            axes.grid(linewidth=0.8)
            axes.set_axisbelow(True)
            axes.tick_params(length=0)
        left.set_ylabel("eosin, mean optical density")
        return _svg(figure)


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, f"var({variable})")
    # The width is the page's, not the figure's; a caption and a table beside it say what it shows.
    return re.sub(r'<svg [^>]*?(viewBox="[^"]*")[^>]*>', r'<svg \1 class="figure" aria-hidden="true">', text, count=1)
