"""What the figures of an inspection mean: what training would refuse, what to look at, and what to do about it."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sentinode.core.messages import agree, plural

Facts = dict[str, Any]

_HIGH_BASELINE = 0.85
_UNEVEN = 5.0


@dataclass(frozen=True)
class Finding:
    """One thing that a reader must know before training on the data."""

    level: Literal["refused", "warning", "note"]
    """`refused`: training stops here; `warning`: figures may be wrong; `note`: worth knowing."""
    title: str
    text: str
    remedy: str = ""


def findings(facts: Facts) -> list[Facts]:
    """Everything that the figures say, the worst first."""
    found = [*_refusal(facts), *_sides(facts), *_copies(facts), *_balance(facts), *_look(facts)]
    order = ("refused", "warning", "note")
    return [asdict(one) for one in sorted(found, key=lambda one: order.index(one.level))]


def _refusal(facts: Facts) -> Iterator[Finding]:
    if not facts["usable"]:
        yield Finding("refused", "Training would refuse this data set", f"The first check to fail: {facts['refusal']}.")


def _sides(facts: Facts) -> Iterator[Finding]:
    groups, grouping = facts["groups"], facts["split"]["made_by"]
    torn = groups["on_two_sides"]
    if torn:
        shown = ", ".join(torn[:5]) + (f" and {len(torn) - 5:,} more" if len(torn) > 5 else "")
        yield Finding(
            "refused",
            f"{agree(len(torn), 'group lies', 'groups lie')} on two sides of the split",
            f"{shown}. Patches of one slide or patient resemble each other, so figures would be too good.",
            "Correct the source's splits, or leave the source's splits out and let them be cut by group.",
        )
    elif not groups["known"] and grouping in ("none", "source"):
        source_made = grouping == "source"
        yield Finding(
            "note" if source_made else "warning",
            "No slides or patients are known" + ("" if source_made else ", and the split was cut image by image"),
            "Whether a slide lies on two sides of the split can't be checked here; it rests on whoever made the split."
            if source_made
            else "Patches of one slide may lie on two sides of the split, so validation and test may look too good.",
            "Add the slide of each image (a group column, or the layout's own file), or set data.split.by = 'stain'."
            if not source_made
            else "",
        )
    elif grouping == "stain":
        yield Finding(
            "note",
            "Clusters of similar stain stand for slides",
            "No slides are known, so images of similar stain were kept on one side: a proxy for new slides, not proof.",
        )


def _copies(facts: Facts) -> Iterator[Finding]:
    exact, near, policies = facts["exact_duplicates"], facts["near_duplicates"], facts["policies"]
    if n := exact["sets_in_two_splits"]:
        yield _policy(
            policies["on_leak"],
            f"{agree(n, 'image lies', 'images lie')} in two splits, pixel for pixel",
            "A model that has seen a test image in training is not tested by it.",
            "They are taken out of the training side, and counted.",
            "Set data.on_leak = 'drop': they are then taken out of the training side, and counted.",
        )
    if n := exact["sets_with_two_labels"]:
        yield _policy(
            policies["on_conflict"],
            f"{agree(n, 'image has', 'images have')} two labels",
            "The same pixels lie in two classes; nobody knows which label is right.",
            "All of them are left out, and counted.",
            "Correct the labels, or set data.on_conflict = 'drop' to leave them all out.",
        )
    if n := near["pairs_in_two_splits"]:
        yield _policy(
            policies["on_leak"],
            f"{plural(n, 'pair')} of near duplicates across splits",
            "Copies that are turned, mirrored, shifted or recompressed leak as exact ones do.",
            "They are taken out of the training side, and counted.",
            "Set data.on_leak = 'drop': they are then taken out of the training side, and counted.",
        )
    if n := near["pairs_with_two_labels"]:
        yield Finding(
            "warning",
            f"{plural(n, 'pair')} of near duplicates with two labels",
            "The same picture, turned, mirrored, shifted or recompressed, lies in two classes; nobody knows which "
            "label is right.",
            "Correct the labels, or take these images out.",
        )
    if n := sum(exact["surplus_within"].values()):
        yield Finding(
            "note",
            f"{agree(n, 'surplus copy', 'surplus copies')} within splits",
            "Of images with the same pixels in one split one is kept; the others are left out and counted.",
        )


def _policy(policy: str, title: str, text: str, dropped: str, remedy: str) -> Finding:
    if policy == "drop":
        return Finding("note", title, f"{text} {dropped}")
    return Finding("refused", title, text, remedy)


def _balance(facts: Facts) -> Iterator[Finding]:
    for split, by_class in facts["counts"].items():
        missing = [name for name, n in by_class.items() if n == 0]
        if split != "unused" and missing:
            text = "has no images" if len(missing) == len(by_class) else f"has no image of class {', '.join(missing)}"
            yield Finding("warning", f"The {split} split {text}", "Figures that need it can't be computed.")
    train = [n for n in facts["counts"]["train"].values() if n]
    if train and max(train) > _UNEVEN * min(train):
        ratio = max(train) / min(train)
        yield Finding(
            "note",
            f"Classes differ {ratio:.1f}-fold in size",
            "Accuracy says little here; training can weigh classes (training.class_weight = 'balanced').",
        )


def _look(facts: Facts) -> Iterator[Finding]:
    baseline, blank = facts["colour_baseline"], facts["near_blank"]["n"]
    if baseline.get("auc") is not None and baseline["auc"] >= _HIGH_BASELINE:
        yield Finding(
            "warning",
            f"Colour alone reaches AUC {baseline['auc']:.3f}",
            "Classes differ in stain, scanner or compression as much as in tissue; a model may learn just that.",
            "Compare every figure with this one, and test on data from elsewhere.",
        )
    if blank:
        yield Finding(
            "note",
            plural(blank, "near-blank image"),
            "They are kept. In a class of normal tissue they are easy, and flatter the specificity a little.",
        )
