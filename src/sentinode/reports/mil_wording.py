"""The sentences of the page on slides with a label only: which method is ahead, and what its attention is worth."""

from collections.abc import Sequence

from sentinode.core.messages import plural
from sentinode.core.metric import Metric
from sentinode.metrics.attention_measures import AttentionFigures, HitTest
from sentinode.metrics.method_table import MethodTable
from sentinode.reports import wording

_NAMES = {
    "mean": "mean pooling",
    "max": "max pooling",
    "top-k": "top-k pooling",
    "abmil": "ABMIL",
    "clam-sb": "CLAM-SB",
    "dsmil": "DSMIL",
    "transmil": "TransMIL",
}


def called(name: str) -> str:
    """What a method is called in words; of another row its own name."""
    return _NAMES.get(name, name)


def auc_sentence(table: MethodTable, name: str, where: str) -> str:
    """How well a row ranks slides."""
    return f"{where}, {called(name)} has an AUC of {wording.with_interval('auc', table.row(name).metrics['auc'])}."


def gain_sentence(table: MethodTable, name: str, against: str, where: str) -> str:
    """Whether one method is ahead of another; says so plainly where it is not."""
    difference = table.row(name).differences[against]
    name, against = called(name), called(against)
    if difference.value is None:
        return f"{where}, {name} and {against} can't be compared: {difference.method.removeprefix('undefined: ')}."
    size = f"{wording.difference('auc', difference)} ({wording.INTERVAL} {_between(difference)})"
    if difference.low is not None and difference.low > 0:
        return f"{where}, {name} is ahead of {against}: AUC {size}, more than chance explains."
    if difference.high is not None and difference.high < 0:
        return f"{where}, {name} is behind {against}: AUC {size}, more than chance explains."
    return f"{where}, {name} is not shown to be ahead of {against}: AUC {size}; chance alone could explain that."


def part_sentences(table: MethodTable, name: str, against: str) -> list[str]:
    """The same for each part."""
    found = []
    for part, tumour in table.parts.items():
        metrics = table.row(name).parts[part]
        gain = metrics.get("gain")
        if gain is None or gain.value is None:
            continue
        sure = gain.low is not None and gain.low > 0
        verdict = "ahead" if sure else "behind" if gain.high is not None and gain.high < 0 else "not shown to differ"
        found.append(
            f"{part} ({plural(tumour, 'slide')} with tumour): AUC of {called(name)}"
            f" {wording.number(metrics['auc'].value)}, {wording.difference('auc', gain)} against {called(against)}"
            f" ({_between(gain)}): {verdict}."
        )
    return found


def hits_sentence(figures: AttentionFigures, hits: HitTest) -> str:
    """How often attention finds an outlined lesion."""
    return (
        f"On {wording.per_cent(hits.hits.value)} of {plural(hits.hits.n or 0, 'slide')} with an outlined lesion"
        f" ({wording.INTERVAL} {_rates(hits.hits)}) one of the {hits.top} tiles to which {called(figures.method)}"
        f" attends most touches it; of {hits.top} tiles drawn at random it would be {wording.per_cent(hits.chance)}"
        f" (p {_p(hits.p_value)})."
    )


def deletion_sentence(figures: AttentionFigures) -> str:
    """Whether the answer rests on the tiles of most attention."""
    gap = figures.deletion.gap
    text = (
        f"Taking away tiles of most attention first lowers the probability by {wording.number(gap.value)}"
        f" ({wording.INTERVAL} {wording.number(gap.low)} to {wording.number(gap.high)}) more than taking them away at"
        f" random, on average over the steps and {plural(figures.slides, 'slide')} with tumour"
    )
    if gap.low is not None and gap.low > 0:
        return f"{text}: the answer rests on what {called(figures.method)} attends to."
    return f"{text}: it is not shown that the answer rests on what {called(figures.method)} attends to."


def limits(
    table: MethodTable, test: MethodTable | None, references: Sequence[str], task: str, patients_known: bool
) -> list[str]:
    """What a reader must know."""
    found = [
        "Attention is a share of the answer, no probability: in a slide without tumour it sums to 1, too.",
        "Out-of-fold figures are those of the procedure; the final model learned from all training slides.",
        "Whether the network behind the features, or the patch model, has seen these slides before can't be told here:"
        " where it has, figures on them are too good.",
    ]
    if not patients_known:
        found.append(
            "No patients are known, so slides of one may be in different folds, and the figures are then too good for"
            " new ones; intervals take slides as independent."
        )
    if test is not None:
        found.append(
            "The test slides were scored once, after the choice was frozen; what the other methods reach on them is"
            " shown beside it and changed nothing."
        )
    if references:
        found.append(
            "The patch model was taught by labelled patches, which slide labels are not: it is a reference, no"
            " competitor. Its scores are those of tiles, and their log loss is that of an uncalibrated slide score."
        )
    if task == "stage":
        found.append("AUC, sensitivity and specificity here are of any tumour, isolated cells included, against none.")
    if table.row(table.rows[0].name).permutation is not None:
        found.append(
            "The permutation test shuffles labels against finished scores within folds; it would not notice a leak."
        )
    return found


def _between(metric: Metric) -> str:
    return wording.difference_interval("auc", metric) or "no interval"


def _rates(metric: Metric) -> str:
    return wording.interval("sensitivity", metric)


def _p(value: float) -> str:
    text = wording.p_value(value)
    return text if text.startswith("<") else f"= {text}"
