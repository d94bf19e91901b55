"""The sentences of a cross-validation's page: what was found, and what so few images can and can't show."""

import math

from sentinode.core.messages import count, listed, plural, plural_of
from sentinode.metrics.crossval.crossval_auc import hanley_mcneil
from sentinode.metrics.crossval.summary import CrossValidation
from sentinode.metrics.targets import parse_target
from sentinode.reports import wording
from sentinode.reports.wording import of_class, with_article

_FINE = 0.05  # a half-width of AUC that most questions can live with
_UNLIKELY = 0.05
_BLANK = "\N{NO-BREAK SPACE}"
_GOOD = 0.9  # the AUC at which a design is judged, as protocols do


def headline(summary: CrossValidation, noun: str) -> list[str]:
    """What was reached, how steadily, and whether it can be chance."""
    metrics = summary.metrics
    sentences = [f"{_ranking(summary, noun)} {_spread(summary)}".strip()]
    if summary.positive is not None:
        negative = summary.confusion_labels[0]
        sentences.append(
            f"At thresholds chosen inside the training parts, sensitivity is"
            f" {wording.with_interval('sensitivity', metrics['sensitivity'])} and specificity"
            f" {wording.with_interval('specificity', metrics['specificity'])}: in a repeat,"
            f" {_mean_count(summary, 1, 1)} of {count(summary.counts[summary.positive])}"
            f" {of_class(summary.positive, plural_of(noun))} are found and {_mean_count(summary, 0, 1)} of"
            f" {count(summary.counts[negative])} {of_class(negative, 'ones')} are false alarms, on average."
        )
    else:
        sentences.append(f"The likeliest class is right with accuracy {_interval(summary, 'accuracy')}.")
    sentences.append(bar_words(summary))
    if summary.permutation is not None:
        sentences.append(permutation_words(summary))
    return sentences


def bar_words(summary: CrossValidation) -> str:
    """`37 of 50 folds reach AUC ≥ 0.8; in a repeat, 2 to 5 of its 5.`"""
    bar, target = summary.bar, parse_target(summary.bar.target)
    if bar.total == 0:
        return f"No fold has a figure of its own to hold against {_bar(target.metric, target.side, target.bound)}."
    text = f"{count(bar.passed)} of {plural(bar.total, 'fold')} reach {_bar(target.metric, target.side, target.bound)}"
    if summary.repeats == 1:
        return f"{text}."
    low, high = min(bar.by_repeat), max(bar.by_repeat)
    between = str(low) if low == high else f"{low} to {high}"
    return f"{text}; of the {plural(summary.folds, 'fold')} of a repeat {between} do."


def permutation_words(summary: CrossValidation) -> str:
    """Whether shuffled labels do as well."""
    test = summary.permutation
    if test is None:
        return ""
    as_good = round(test.p_value * (len(test.shuffled) + 1)) - 1
    return (
        f"With the labels shuffled at random, {as_good} of {plural(len(test.shuffled), 'attempt')} did as well"
        f" as the true labels: p{_BLANK}{'' if test.p_value < 0.001 else f'={_BLANK}'}{wording.p_value(test.p_value)}."
    )


def power_words(summary: CrossValidation, noun: str) -> list[str]:
    """What this number of images can and can't show."""
    auc = summary.metrics["auc"]
    if summary.positive is None or summary.expected_half_width is None or auc.value is None:
        return [f"With {plural(summary.n, noun)} the interval above is what can be said, and no more."]
    positives = summary.counts[summary.positive]
    negatives = summary.n - positives
    good = hanley_mcneil(_GOOD, positives, negatives)
    sentences = [
        f"{count(positives)} {of_class(summary.positive, plural_of(noun))} and {count(negatives)}"
        f" {of_class(summary.confusion_labels[0], 'ones')} fix an AUC near {wording.number(auc.value, 2)} to within"
        f" about ±{wording.number(summary.expected_half_width, 2)}, and one of {_GOOD} to within"
        f" ±{wording.number(good, 2)}: a classifier that reaches {_GOOD} might as well be one of"
        f" {wording.number(_GOOD - good, 2)} (Hanley and McNeil; what was learned varies on top of that)."
    ]
    sentences.append(_verdict(summary))
    if summary.expected_half_width > _FINE:
        needed = _needed(auc.value, positives, negatives)
        sentences.append(f"For ±{_FINE} it would take about {plural(needed, noun)} in the same proportion.")
    return sentences


def _ranking(summary: CrossValidation, noun: str) -> str:
    auc = wording.with_interval("auc", summary.metrics["auc"])
    if summary.positive is None:
        return f"Averaged over the classes, each against the rest, the AUC on {plural_of(noun)} not seen is {auc}."
    return (
        f"Shown {with_article(of_class(summary.positive, noun))} and"
        f" {with_article(of_class(summary.confusion_labels[0], 'one'))} that it has not seen, the classifier gives the"
        f" {of_class(summary.positive, 'one')} the higher score"
        f" {wording.per_cent(summary.metrics['auc'].value, 0)} of the time: AUC {auc}."
    )


def _spread(summary: CrossValidation) -> str:
    parts = []
    if summary.spread_folds is not None:
        parts.append(f"{wording.number(summary.spread_folds, 2)} between single folds")
    if summary.spread_repeats is not None:
        parts.append(f"{wording.number(summary.spread_repeats, 3)} between repeats")
    return f"Standard deviation {listed(parts)}." if parts else ""


def _verdict(summary: CrossValidation) -> str:
    auc = summary.metrics["auc"]
    if auc.low is None or auc.high is None:
        return "There is no interval, so nothing can be told from guessing."
    if auc.low > 0.5:
        return "The interval lies above 0.5: this is better than guessing on new images like these."
    if auc.high < 0.5:
        return "The interval lies below 0.5, which is worse than guessing: are the labels the right way round?"
    text = "The interval includes 0.5: on new images this may be no better than guessing"
    if summary.permutation is not None and summary.permutation.p_value < _UNLIKELY:
        text += (
            ", although the permutation test finds that the images have something to do with their labels. It asks only"
            " that; how much can be learned of it is what so few images leave open"
        )
    return f"{text}."


def _needed(auc: float, positives: int, negatives: int) -> int:
    """Samples in the same proportion at which the expected half-width is `_FINE`: it falls with the root of n."""
    factor = (hanley_mcneil(auc, positives, negatives) / _FINE) ** 2
    size = factor * (positives + negatives)
    digits = int(10 ** max(0, math.floor(math.log10(size)) - 1))
    return math.ceil(size / digits) * digits


def _mean_count(summary: CrossValidation, row: int, column: int) -> str:
    return wording.number(summary.confusion_matrix[row][column] / summary.repeats, 1)


def _interval(summary: CrossValidation, name: str) -> str:
    return wording.with_interval(name, summary.metrics[name])


def _bar(metric: str, side: str, bound: float) -> str:
    name = wording.metric_name(metric)
    return f"{name} {'≥' if side == '>=' else '≤'} {bound:g}"
