"""Cards: what a bundle is, in Markdown, for a person."""

from jinja2 import Environment, PackageLoader, StrictUndefined, Template


def card_template(name: str) -> Template:
    """One of the templates of cards, in which a number is shown by `| number`."""
    environment = Environment(
        loader=PackageLoader("sentinode.models"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown for reading in an editor, not a page
    )
    environment.filters["number"] = _number
    return environment.get_template(name)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}" if abs(value) < 1e-3 else f"{value:.3f}"
