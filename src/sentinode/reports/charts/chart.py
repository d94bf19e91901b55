"""One look for every figure: SVG with colours as CSS variables and text as text, and PNG of the same drawing."""

import io
import math
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter

from sentinode.core.files import atomic_file

# Okabe & Ito 2008: told apart with every common form of colour blindness. The page's style sheet defines a variable of
# each name, with a lighter shade for dark surroundings; here are the shades of paper.
COLOURS = {
    "ink": "#18202b",
    "muted": "#5a6675",
    "grid": "#e6eaef",
    "card": "#ffffff",
    "blue": "#0072b2",
    "vermillion": "#d55e00",
    "green": "#009e73",
    "orange": "#e69f00",
    "sky": "#56b4e9",
    "purple": "#cc79a7",
}

MODEL = COLOURS["blue"]
POSITIVE = COLOURS["vermillion"]
NEGATIVE = COLOURS["sky"]
FLAG = COLOURS["orange"]
INK, MUTED, GRID, CARD = COLOURS["ink"], COLOURS["muted"], COLOURS["grid"], COLOURS["card"]
SERIES = tuple(COLOURS[name] for name in ("blue", "vermillion", "green", "orange", "purple", "sky", "muted", "ink"))
"""Colours for several models or classes; longer lists repeat them with another dash."""

DASHES: tuple[Any, ...] = ("solid", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)))
"""Line styles, one for each turn through `SERIES`."""

WIDTH, HEIGHT = 400, 320
"""Size of a usual figure in CSS pixels: half a page, or the width of a phone."""

SQUARE = 376
"""Height of a figure whose two axes are both shares, and equally long."""

SHARES = ([0, 0.2, 0.4, 0.6, 0.8, 1], ["0", "0.2", "0.4", "0.6", "0.8", "1"])
"""Ticks of an axis from 0 to 1, and their labels."""

_DPI = 72  # a matplotlib point is then a pixel
_STYLE: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that a PNG is the same everywhere
    "font.size": 12,
    "axes.labelsize": 12,
    "axes.labelcolor": INK,
    "axes.labelpad": 7,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "none",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "figure.facecolor": "none",
    "grid.color": GRID,
    "grid.linewidth": 1,
    "legend.frameon": False,
    "legend.fontsize": 11.5,
    "legend.handlelength": 1.5,
    "legend.labelcolor": INK,
    "lines.linewidth": 2,
    "lines.solid_capstyle": "round",
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 11,
    "ytick.labelsize": 11,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.major.pad": 6,
    "ytick.major.pad": 6,
    "svg.fonttype": "none",
    "text.parse_math": False,  # a class may be called a$b
}


@dataclass(frozen=True, eq=False)
class Chart:
    """A drawing with the words that stand for it where it can't be seen."""

    name: str
    """Short name without blanks; keeps the ids of several figures on one page apart."""

    alt: str
    """What the figure shows, with its main numbers, in a sentence."""

    figure: Figure
    """The drawing."""

    def svg(self) -> str:
        """An `<svg>` element to put into a page: no ids that clash, no links, no date, colours as CSS variables."""
        stream = io.StringIO()
        with _style(salt=self.name):
            # savefig would draw it twice, the first time for a layout that is there already.
            backend: Any = FigureCanvasSVG(self.figure)
            backend.print_svg(stream, metadata={"Date": None, "Creator": None})
        return _inline(stream.getvalue(), self.name, self.alt)

    def png(self, *, scale: float = 2.5) -> bytes:
        """The same on white, `scale` times as many pixels as the size in a page."""
        stream = io.BytesIO()
        with _style():
            self.figure.savefig(stream, format="png", dpi=_DPI * scale, facecolor=CARD, metadata={"Software": None})
        return stream.getvalue()


def per_cent_axis(axis: Axis) -> None:
    """Label the ticks of shares in per cent, each with the digits that tell it from its neighbours."""
    axis.set_major_formatter(FuncFormatter(lambda share, _: f"{round(100 * share, 6):g} %"))


def ticks_apart(values: Iterable[float], *, log: bool = False, most: int = 7) -> list[float]:
    """Those of the values whose labels do not run into each other, from the largest down; at most `most` + 1."""
    kept: list[float] = []
    ordered = sorted(set(values), reverse=True)
    places = [math.log(value) if log else value for value in ordered]
    for value, place in zip(ordered, places, strict=True):
        if not kept or (places[ordered.index(kept[-1])] - place) * most > places[0] - places[-1]:
            kept.append(value)
    return kept[::-1]


def variable(colour: str) -> str:
    """The CSS variable of one of `COLOURS`, which is lighter in dark surroundings."""
    return f"var(--{next(name for name, value in COLOURS.items() if value == colour)})"


def drawn(charts: Sequence[Chart]) -> dict[str, Markup]:
    """The `<svg>` of each chart by its name; safe in a page, because labels are escaped where they are drawn."""
    return {chart.name: Markup(chart.svg()) for chart in charts}


def save_png(chart: Chart, path: Path, *, scale: float = 2.5) -> None:
    """Write `chart` as a PNG file, atomically.

    Raises:
        StorageError: The disk is full or the folder can't be written.
    """
    with atomic_file(path) as temporary:
        temporary.write_bytes(chart.png(scale=scale))


@contextmanager
def canvas(
    width: float = WIDTH, height: float = HEIGHT, *, rows: int = 1, columns: int = 1
) -> Iterator[tuple[Figure, list[Axes]]]:
    """A figure of `width` × `height` pixels with `rows` × `columns` axes, row by row, in the house style.

    Everything must be drawn inside the `with`: the style is read when a line or a text is made. The layout is done at
    its end.
    """
    layout = ConstrainedLayoutEngine(w_pad=4 / _DPI, h_pad=4 / _DPI, wspace=0.06)
    with _style():
        figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI, layout=layout)
        axes = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
        yield figure, axes
        layout.execute(figure)
        figure.set_layout_engine("none")


def unit_axes(axes: Axes, x_label: str, y_label: str) -> None:
    """Two equally long axes from 0 to 1 with little air around, and their names."""
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xlabel=x_label, ylabel=y_label, aspect="equal")
    axes.set_xticks(*SHARES)
    axes.set_yticks(*SHARES)


@contextmanager
def _style(salt: str = "") -> Iterator[None]:
    with mpl.rc_context(_STYLE), mpl.rc_context({"svg.hashsalt": salt}), warnings.catch_warnings():
        # A page has fonts for every script; only a PNG shows a box for a letter that DejaVu lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def _inline(svg: str, name: str, alt: str) -> str:
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.S)
    body = re.sub(r"<!--.*?-->", "", body, flags=re.S)
    # A style element would hold for the whole page, not for this figure alone; the page's own has the same rule.
    body = re.sub(r"<style.*?</style>", "", body, flags=re.S)
    body = re.sub(r"<defs>\s*</defs>\s*", "", body)
    body = re.sub(r' (?:xmlns(?::\w+)?|version)="[^"]*"', "", body)
    body = body.replace("xlink:href", "href")
    body = _prefix_ids(body, name)
    body = re.sub(r'(?<= )d="([^"]*)"', lambda match: f'd="{_short_numbers(match[1])}"', body)
    # The page's own typeface; older matplotlib writes the short form.
    body = re.sub(r"""font: (?:\w+ )*?([\d.]+)px [^;"]*""", r"font-size: \1px", body)
    body = re.sub(r"""font-family: [^;"]*; """, "", body)
    for colour, value in COLOURS.items():
        body = body.replace(value, f"var(--{colour})")
    view_box = re.search(r'viewBox="[^"]*"', body)
    head = f'<svg class="chart" role="img" aria-label="{escape(alt)}" {view_box[0] if view_box else ""}>'
    return re.sub(r"^<svg[^>]*>", lambda _: head, body).strip()


def _prefix_ids(svg: str, name: str) -> str:
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg))
    svg = re.sub(r' id="([^"]*)"', lambda match: f' id="{name}-{match[1]}"' if match[1] in used else "", svg)
    return re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", svg)


def _short_numbers(path: str) -> str:
    # A hundredth of a pixel is finer than any screen; it halves the page.
    short = re.sub(r"-?\d+\.\d+", lambda match: f"{float(match[0]):.2f}".rstrip("0").rstrip("."), path)
    return " ".join(short.split())
