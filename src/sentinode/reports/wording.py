"""Figures and counts as a reader wants to see them. The same words in the report, its alt texts and its tables."""

from collections.abc import Mapping

from sentinode.core.errors import EvaluationError
from sentinode.core.metric import Metric
from sentinode.metrics.decisions.rules import parse_rule
from sentinode.metrics.metric_table import metric_kind

MISSING = "–"

FEW = 4
"""Classes whose names and numbers fit into a line."""

INTERVAL = "95\N{NO-BREAK SPACE}% interval"
"""What every range is called."""


def metric_name(name: str) -> str:
    """The metric's name in words; an unknown one with blanks for underscores."""
    return metric_kind(name).words


def number(value: float | None, digits: int = 3) -> str:
    """`0.958`; a true minus sign; a dash where there is nothing."""
    if value is None:
        return MISSING
    text = f"{value:.{digits}f}"
    return text.replace("-", "−") if float(text) else f"{0:.{digits}f}"


def per_cent(value: float | None, digits: int = 1) -> str:
    """`95.2 %`, with a blank that does not break."""
    return MISSING if value is None else f"{number(100 * value, digits)}\N{NO-BREAK SPACE}%"


def figure(name: str, metric: Metric) -> str:
    """The metric's estimate in its usual unit."""
    return per_cent(metric.value) if metric_kind(name).per_cent else number(metric.value)


def interval(name: str, metric: Metric) -> str:
    """`94.0 to 96.3 %` or `0.951 to 0.965`; empty without an interval."""
    if metric.low is None or metric.high is None:
        return ""
    if metric_kind(name).per_cent:
        return f"{number(100 * metric.low, 1)} to {per_cent(metric.high)}"
    return f"{number(metric.low)} to {number(metric.high)}"


def narrow_interval(name: str, metric: Metric) -> str:
    """`94.0–96.3`, for small print beside the figure."""
    if metric.low is None or metric.high is None:
        return ""
    scale, digits = (100, 1) if metric_kind(name).per_cent else (1, 3)
    return f"{number(scale * metric.low, digits)}–{number(scale * metric.high, digits)}"


def with_interval(name: str, metric: Metric) -> str:
    """`0.958 (95 % interval 0.951 to 0.965)`."""
    if metric.value is None:
        return f"undefined ({metric.method.removeprefix('undefined: ')})"
    between = interval(name, metric)
    return f"{figure(name, metric)} ({INTERVAL} {between})" if between else figure(name, metric)


def difference(name: str, metric: Metric) -> str:
    """A signed difference of two figures: `+0.0123`, or `−1.2 points` of per cent."""
    return MISSING if metric.value is None else f"{_signed(name, metric.value)}{_points(name)}"


def difference_interval(name: str, metric: Metric) -> str:
    """`−0.0012 to +0.0123`; empty without an interval."""
    if metric.low is None or metric.high is None:
        return ""
    return f"{_signed(name, metric.low)} to {_signed(name, metric.high)}{_points(name)}"


def _signed(name: str, value: float) -> str:
    text = number(100 * value, 1) if metric_kind(name).per_cent else number(value, 4)
    return f"+{text}" if value > 0 and float(text) else text


def _points(name: str) -> str:
    return "\N{NO-BREAK SPACE}points" if metric_kind(name).per_cent else ""


def p_value(value: float | None) -> str:
    """`0.032`, or `< 0.001`."""
    if value is None:
        return MISSING
    return "<\N{NO-BREAK SPACE}0.001" if value < 0.001 else number(value)


def duration(seconds: float | None) -> str:
    """`0.42 s`, `12 s`, `3 min 20 s`, `1 h 05 min`; a dash where there is nothing."""
    if seconds is None:
        return MISSING
    if seconds < 59.5:
        return f"{seconds:.2g}\N{NO-BREAK SPACE}s" if seconds < 9.95 else f"{seconds:.0f}\N{NO-BREAK SPACE}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}\N{NO-BREAK SPACE}min {rest:02d}\N{NO-BREAK SPACE}s"
    return f"{minutes // 60}\N{NO-BREAK SPACE}h {minutes % 60:02d}\N{NO-BREAK SPACE}min"


def class_words(name: str) -> str:
    """`tumour`; `class 1` where the name has no letter and would be read as a number."""
    return name if any(letter.isalpha() for letter in name) else f"class {name}"


def of_class(name: str, noun: str) -> str:
    """`tumour patch`; `patch of class 1` where the name has no letter, and `of class 1` for `ones`."""
    if class_words(name) == name:
        return f"{name} {noun}"
    return f"of {class_words(name)}" if noun == "ones" else f"{noun} of {class_words(name)}"


def with_article(text: str) -> str:
    """`a patch`, `an image`; `one of class 0` has none."""
    if text.startswith("one "):
        return text
    return f"{'an' if text[:1].lower() in 'aeiou' else 'a'} {text}"


def rule_in_words(text: str) -> str:
    """A threshold rule as a reader says it; what is not a rule, as it is."""
    try:
        rule = parse_rule(text)
    except EvaluationError:
        return text
    if rule.kind == "youden":
        return "sensitivity + specificity is largest (Youden)"
    if rule.kind == "f1":
        return "the F1 score is largest"
    if rule.confidence is not None:
        bound = f"the lower {100 * rule.confidence:g}\N{NO-BREAK SPACE}% confidence bound"
        return f"{bound} of {rule.kind} is at least {rule.level:g}"
    if rule.margin:
        return f"{rule.kind} is at least {rule.level:g} with a margin of {rule.margin:g}"
    return f"{rule.kind} is at least {rule.level:g}"


def shortened(text: str, length: int = 24) -> str:
    """The end of a long id, which is what tells it from others, after an ellipsis."""
    return text if len(text) <= length else f"…{text[-(length - 1) :]}"


def versions(libraries: Mapping[str, str]) -> str:
    """`numpy 2.3.1, torch 2.13.0`: what something was made with."""
    return ", ".join(f"{name} {version}" for name, version in libraries.items())
