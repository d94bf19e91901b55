"""`MODEL_CARD.md`: what a person should know about a model before relying on it, rendered from `bundle.json`."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from sentinode.core.metric import Metric
from sentinode.models.bundle_info import BundleInfo


def render_card(info: BundleInfo) -> str:
    """The card as Markdown: what it is, what it was trained on, what it measured, its limits."""
    environment = Environment(
        loader=PackageLoader("sentinode.models"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown for reading in an editor, not a page
    )
    environment.filters["number"] = _number
    environment.filters["interval"] = _interval
    return environment.get_template("model_card.md.j2").render(info=info)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}" if abs(value) < 1e-3 else f"{value:.3f}"


def _interval(figure: Metric) -> str:
    if figure.low is None or figure.high is None:
        return "–"
    return f"{_number(figure.low)} – {_number(figure.high)}"
