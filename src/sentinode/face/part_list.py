"""Which readers, architectures, explanation methods, losses and metrics there are, ours and those of other packages."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

from sentinode.core import plugins as found
from sentinode.core.errors import MissingExtraError, PluginError
from sentinode.core.extras import job
from sentinode.face.notebook import html_table


@dataclass(frozen=True)
class Part:
    """A part that can be asked for by its name."""

    kind: str
    """reader, architecture, explanation method, loss or metric."""
    name: str
    package: str
    """The distribution that brings it."""
    version: str
    trouble: str = ""
    """Why it can't be used; empty: it can."""


class Parts(tuple[Part, ...]):
    """A part a row. A notebook shows the table."""

    __slots__ = ()

    def to_json(self) -> list[dict[str, str]]:
        """A machine's answer."""
        return [asdict(part) for part in self]

    def summary(self) -> str:
        """A line a part; those that can't be used say why."""
        widths = [max(len(text) for text in column) for column in zip(*map(_words, self), strict=True)]
        lines = [
            "  ".join(text.ljust(width) for text, width in zip(_words(part), widths, strict=True)) for part in self
        ]
        return "\n".join(line.rstrip() for line in lines)

    def _repr_html_(self) -> str:
        return html_table(("kind", "name", "package", "trouble"), map(_words, self))


def _words(part: Part) -> tuple[str, str, str, str]:
    return part.kind, part.name, f"{part.package} {part.version}", part.trouble


def plugins() -> Parts:
    """List every part that there is: readers, architectures, explanation methods, losses, metrics.

    Beside those listed, every architecture of timm can be named. A part of another package is imported, to say whether
    that can be done.

    Examples:
        >>> [part.name for part in sn.plugins() if part.kind == "architecture"]
        ['cnn3', 'squeezenet1_1']
    """
    return Parts(part for kind in found.GROUPS for part in _of_kind(kind))


def _of_kind(kind: str) -> Iterator[Part]:
    ours, own = version("sentinode"), set[str]()
    try:
        own = set(_OWN[kind]())
    except MissingExtraError as error:
        yield Part(kind, "ours", "sentinode", ours, str(error))
    yield from (Part(kind, name, "sentinode", ours) for name in sorted(own))
    declared = found.plugins(kind)
    for plugin in declared:
        twins = [other.origin for other in declared if other.name == plugin.name and other != plugin]
        trouble = f"of that name there is one of {', '.join(twins)} too" if twins else _trouble(plugin)
        yield Part(
            kind, plugin.name, plugin.package, plugin.version, "ours has that name" if plugin.name in own else trouble
        )


def _trouble(plugin: found.Plugin) -> str:
    try:
        plugin.load()
    except PluginError as error:
        return str(error)
    return ""


@job("train")
def _architectures() -> Any:
    from sentinode.models.networks.architectures import ARCHITECTURES

    return ARCHITECTURES


def _metrics() -> Any:
    from sentinode.metrics.metric_table import METRICS

    return METRICS


@job("explain")
def _methods() -> Any:
    from sentinode.explanation.methods import METHODS

    return METHODS


def _readers() -> Any:
    from sentinode.slides.reader_table import READERS

    return READERS


@job("train")
def _losses() -> Any:
    from sentinode.training.losses import LOSSES

    return LOSSES


_OWN: dict[str, Callable[[], Any]] = {
    "architecture": _architectures,
    "explanation method": _methods,
    "metric": _metrics,
    "reader": _readers,
    "loss": _losses,
}
"""Kind → names of our own."""
