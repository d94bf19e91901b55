"""The report's sentences: what the figures mean, in words that need no statistics."""

from sentinode.core.decision import OperatingPoint
from sentinode.core.messages import count, plural, plural_of
from sentinode.core.metric import Metric
from sentinode.metrics.assessment import Assessment
from sentinode.metrics.decisions.low_confidence import FlaggedResult
from sentinode.reports import wording
from sentinode.reports.wording import class_words, number, of_class, per_cent, with_article, with_interval

_SPLITTING = {
    "group": "The data was split by {group}: no {group} is on two sides.",
    "source": "The split is the one that the data came with.",
    "stain": (
        "No {group} is known. Images of similar stain were kept on one side, which stands in for splitting by {group}"
        " but does not guarantee it: images of one {group} may be on two sides, and the figures may be too good for"
        " new {groups}."
    ),
    "none": (
        "No {group} is known and the split is random: images of one {group} may be on two sides, and the figures are"
        " then too good for new {groups}."
    ),
}
_OUT_OF = 10_000

REACH = (
    "The figures hold for images like these: same organ, stain, scanner and magnification. Elsewhere, measure again."
)
"""What every set of figures leaves open."""


def split_words(assessment: Assessment, noun: str) -> list[str]:
    """Which images were measured, and how they were chosen, where there was a choice."""
    if not assessment.chosen:
        return []
    return [f"Measured on {plural(assessment.n, noun)}: {assessment.split}, {assessment.chosen}."]


def binary_headline(assessment: Assessment, noun: str) -> list[str]:
    """What the model does on this set: ranking in one sentence, decisions in another."""
    (tn, fp), (fn, tp) = assessment.confusion_matrix
    negative, positive = assessment.confusion_labels
    metrics = assessment.metrics
    sentences = []
    if metrics["auc"].value is not None:
        sentences.append(
            f"Shown a random {of_class(positive, noun)} and a random {of_class(negative, 'one')}, the model gives the"
            f" {of_class(positive, 'one')} the higher score {per_cent(metrics['auc'].value)} of the time: AUC"
            f" {with_interval('auc', metrics['auc'])}."
        )
    if tp + fn:
        sentences.append(
            f"At its operating threshold it finds {count(tp)} of {count(tp + fn)}"
            f" {of_class(positive, plural_of(noun))} and misses {count(fn)}: sensitivity"
            f" {with_interval('sensitivity', metrics['sensitivity'])}."
        )
    if tn + fp:
        sentences.append(
            f"It raises {plural(fp, 'false alarm')} on {count(tn + fp)} {of_class(negative, plural_of(noun))}:"
            f" specificity {with_interval('specificity', metrics['specificity'])}."
        )
    return sentences


def multiclass_headline(assessment: Assessment, noun: str) -> list[str]:
    """How often the likeliest class is right, and how well each class is told from the rest."""
    metrics, k = assessment.metrics, len(assessment.class_names)
    right = sum(row[index] for index, row in enumerate(assessment.confusion_matrix))
    return [
        f"Of {plural(assessment.n, noun)} in {plural(k, 'class')}, the likeliest class is the right one for "
        f"{count(right)}:"
        f" accuracy {with_interval('accuracy', metrics['accuracy'])}.",
        f"Averaged over the classes, each against the rest, the AUC is {with_interval('auc', metrics['auc'])}.",
    ]


def threshold_words(point: OperatingPoint, positive: str, noun: str) -> list[str]:
    """What the threshold is, who chose it, and what it gave there."""
    positive = class_words(positive)
    first = f"{with_article(noun).capitalize()} is called {positive} when its score is at least {number(point.value)}."
    if point.rule == "fixed":
        return [first, "The threshold was given by hand, not chosen on data."]
    size = f" ({plural(point.n, noun)}" if point.n else ""
    if point.n and point.positives is not None:
        size += f", {count(point.positives)} of them {positive}"
    size += ")" if point.n else ""
    chosen = (
        f"The threshold was chosen on the {point.split} split{size} so that {wording.rule_in_words(point.rule)}, and"
        " then frozen."
    )
    sentences = [first, chosen]
    if point.sensitivity is not None and point.specificity is not None:
        sentences.append(
            f"There it gave sensitivity {per_cent(point.sensitivity.value)} and specificity"
            f" {per_cent(point.specificity.value)}."
        )
    return sentences


def prevalence_words(sensitivity: Metric, specificity: Metric, positive: str, noun: str, prevalence: float) -> str:
    """Predictive values as counts out of 10,000, which are read more safely than percentages (Gigerenzer 1995)."""
    if sensitivity.value is None or specificity.value is None:
        return ""
    ill, positive = prevalence * _OUT_OF, class_words(positive)
    found, alarms = ill * sensitivity.value, (_OUT_OF - ill) * (1 - specificity.value)
    passed = _OUT_OF - found - alarms
    text = (
        f"Of {count(_OUT_OF)} {plural_of(noun)}, {count(round(ill))} are {positive}."
        f" The model would call {count(round(found + alarms))} of them {positive}, {count(round(found))} rightly"
    )
    if found + alarms > 0:
        text += f" (PPV {per_cent(found / (found + alarms))})"
    text += f", and pass {count(round(passed))}, of which {count(round(ill - found))} are {positive} after all"
    if passed > 0:
        text += f" (NPV {per_cent((passed - ill + found) / passed, 2)})"
    return f"{text}."


def flag_words(flag: FlaggedResult, noun: str) -> list[str]:
    """What the low-confidence flag is, and what it gives."""
    what = "score" if flag.band.quantity == "score" else "confidence"
    sentences = [
        f"An answer is flagged as of low confidence when its {what} lies between {number(flag.band.low)} and"
        f" {number(flag.band.high)}, a band that was set on the {flag.band.split} split.",
        f"Here the flag marks {per_cent(flag.flagged.value)} of the {plural_of(noun)}",
    ]
    if flag.errors_caught.value is not None:
        sentences[1] += f" and catches {per_cent(flag.errors_caught.value)} of all errors"
    kinds = (("misses", flag.misses_caught), ("false alarms", flag.false_alarms_caught))
    caught = [
        f"{per_cent(metric.value)} of the {metric.n} {kind}"
        for kind, metric in kinds
        if metric and metric.value is not None
    ]
    sentences[1] += f": {' and '.join(caught)}." if caught else "."
    return sentences


def calibration_words(assessment: Assessment) -> str:
    """How far probabilities and outcomes are apart."""
    metrics = assessment.metrics
    text = (
        f"Calibration error {with_interval('calibration_error', metrics['calibration_error'])}, Brier score"
        f" {number(metrics['brier'].value)}, log loss {number(metrics['log_loss'].value)}."
    )
    if assessment.temperature is not None:
        text += f" The model's temperature, {number(assessment.temperature, 2)}, is applied already."
    return text


def splitting_words(grouping: str, group_noun: str) -> str:
    """How the sides were made, and whether one slide can be on two of them."""
    return _SPLITTING[grouping].format(group=group_noun, groups=plural_of(group_noun))
