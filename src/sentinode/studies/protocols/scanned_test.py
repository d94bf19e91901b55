"""Scans of a test set: those that the protocol names, all of them and no others."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sentinode.core.errors import DataError
from sentinode.core.messages import plural, some
from sentinode.core.metric import Metric
from sentinode.core.node_classes import SlideClass
from sentinode.metrics.measures.intervals import rate
from sentinode.metrics.slide_score.slide_auc import slide_auc
from sentinode.scanning.scan_folder import ScanFolder, failed_scans_in, scans_in
from sentinode.slides.slide_names import SlideNames
from sentinode.studies.cohort.scanned_names import scanned_names
from sentinode.studies.cohort.stage_study import class_of

_SHOWN = 5


@dataclass(frozen=True)
class ScannedTest:
    """The finished scans of a test set, by slide."""

    folder: Path
    scans: Mapping[str, ScanFolder]
    names: SlideNames
    """To look slides up as tables write them."""

    @property
    def not_assessed(self) -> tuple[str, ...]:
        """A sentence on each slide of which too little was read."""
        return tuple(
            f"{name} counts by what was seen of it: {scan.record.not_assessed}."
            for name, scan in self.scans.items()
            if scan.record.not_assessed
        )

    def require(self, slides: Collection[str]) -> None:
        """Check that each of `slides` was scanned.

        Raises:
            DataError: One was not: the figure would be of another test set.
        """
        missing = sorted(set(slides) - self.scans.keys())
        if missing:
            raise DataError(
                f"{self.folder} has no finished scan of {len(missing)} of {plural(len(slides), 'slide')}: "
                f"{some(missing, _SHOWN)}; scan them with `sentinode scan`, a protocol takes all of its slides"
            )

    def refuse_others(self, slides: Collection[str], remedy: str) -> None:
        """Check that nothing but `slides` was scanned.

        Raises:
            DataError: There is another one.
        """
        others = sorted(self.scans.keys() - set(slides))
        if others:
            raise DataError(f"{self.folder} has scans of other slides: {some(others, _SHOWN)}; {remedy}")

    def score(self, name: str) -> float:
        """A slide's score; 0 where there was no tissue to scan."""
        return self.scans[name].record.slide_score or 0.0

    def slide_auc(self, tumour: Mapping[str, bool], groups: Sequence[str] | None = None) -> Metric:
        """The AUC of the scores of the slides that `tumour` names."""
        return slide_auc(
            [int(value) for value in tumour.values()], [self.score(name) for name in tumour], groups=groups
        )

    def classes(self, least_score: float) -> dict[str, SlideClass]:
        """The class of every slide by its longest lesion."""
        return {name: class_of(scan.record, least_score) for name, scan in self.scans.items()}


def read_scanned_test(folder: Path) -> ScannedTest:
    """The scans of a folder.

    Raises:
        DataError: A scan failed, or none is there.
    """
    failed = failed_scans_in(folder)
    if failed:
        names = some([record.name for record in failed], _SHOWN)
        raise DataError(
            f"{folder} has {plural(len(failed), 'slide')} that could not be scanned: {names}; mend and scan "
            "them again, a protocol takes all of its slides"
        )
    finished = scans_in(folder)
    return ScannedTest(folder, {scan.record.name: scan for scan in finished}, scanned_names(finished, ()))


def class_accuracy(truth: Mapping[str, str], found: Mapping[str, SlideClass]) -> Metric:
    """The share of slides that get their class."""
    right = sum(found[slide] == of for slide, of in truth.items())
    return rate(right, len(truth), "no slide has a class")


def tumour_recalls(truth: Mapping[str, str], found: Mapping[str, SlideClass]) -> dict[str, Metric]:
    """For ITC, micro and macro: the share of its slides that are called by any class with tumour."""
    recalls = {}
    for name in ("itc", "micro", "macro"):
        slides = [slide for slide, of in truth.items() if of == name]
        hits = sum(found[slide] != "negative" for slide in slides)
        recalls[f"{name}_found"] = rate(hits, len(slides), f"no slide is {name}")
    return recalls
