"""Free-response ROC of detections on slides, by the official algorithm of CAMELYON16."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sentinode.core.errors import EvaluationError
from sentinode.core.messages import plural
from sentinode.core.metric import Metric
from sentinode.metrics.froc.detections import Detections
from sentinode.metrics.froc.masks import EvaluationMask
from sentinode.metrics.measures.intervals import LEVEL, Resampling, clopper_pearson, percentile_interval, wider

RATES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""False positives per slide at which the score reads the sensitivity."""

GRID = tuple(float(rate) for rate in np.geomspace(0.125, 8.0, 49))
"""False positives per slide at which the band is drawn: eight steps each time they double."""

MISSED = -np.inf
"""Score of a target that no detection hit."""


@dataclass(frozen=True, eq=False)
class JudgedSlide:
    """The detections of one slide, told apart by its truth."""

    name: str
    tumour: bool
    """Whether the slide has annotated tumour, isolated cells included."""
    false_positives: NDArray[np.float64]
    """(F,) scores of the detections on background."""
    targets: NDArray[np.float64]
    """(T,) for each target the highest score of a detection in it, `MISSED` without one."""
    isolated: int
    """Regions of isolated tumour cells, which are no targets."""
    ignored: int
    """Detections in isolated tumour cells, which count neither way."""
    repeated: int
    """Detections in targets beside the highest of each, which count neither way."""


@dataclass(frozen=True)
class FrocCurve:
    """Operating points by falling threshold, from (0, 0) on: one for every score that a detection has."""

    false_positives: tuple[float, ...]
    """Per slide."""
    sensitivity: tuple[float, ...]
    """Share of the targets."""
    thresholds: tuple[float | None, ...]
    """Detections of at least this score are counted; None for the first point, where none is."""


@dataclass(frozen=True)
class Froc:
    """What the detections of a set of slides are worth."""

    curve: FrocCurve
    score: Metric
    """Mean of `sensitivities`."""
    sensitivities: tuple[Metric, ...]
    """Sensitivity at each of `RATES`."""
    band_low: tuple[float, ...]
    """Lower end of the 95 % interval at each of `GRID`."""
    band_high: tuple[float, ...]
    """Upper end."""
    slides: int
    tumour_slides: int
    targets: int
    isolated: int
    """Regions of isolated tumour cells."""
    detections: int
    """All that were judged, ignored ones included."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        rates = {f"sensitivity_at_{rate:g}": metric for rate, metric in zip(RATES, self.sensitivities, strict=True)}
        counts = {name: getattr(self, name) for name in ("slides", "tumour_slides", "targets", "isolated")}
        return {
            **counts,
            "detections": self.detections,
            "metrics": {name: metric.to_json() for name, metric in ({"froc": self.score} | rates).items()},
            "curve": {
                "false_positives_per_slide": list(self.curve.false_positives),
                "sensitivity": list(self.curve.sensitivity),
                "thresholds": list(self.curve.thresholds),
            },
            "band": {
                "false_positives_per_slide": list(GRID),
                "low": list(self.band_low),
                "high": list(self.band_high),
            },
        }


def judge(name: str, detections: Detections, truth: EvaluationMask | None) -> JudgedSlide:
    """Tell the detections of one slide apart.

    A detection on background is a false positive. Of those in a target the highest counts as its hit. One in isolated
    tumour cells is ignored. On a slide without tumour every detection is a false positive.

    Args:
        name: The slide.
        detections: On it; may be none.
        truth: Its targets; None for a slide without tumour. Can be let go afterwards.

    Raises:
        EvaluationError: A detection lies outside of the slide.
    """
    if truth is None:
        return JudgedSlide(name, False, detections.scores.copy(), np.empty(0), 0, 0, 0)
    regions = truth.regions_at(detections.x_um, detections.y_um)
    highest = np.full(len(truth.isolated) + 1, MISSED)
    np.maximum.at(highest, regions, detections.scores)
    ignored = int(np.concatenate([[False], truth.isolated])[regions].sum())
    targets = highest[1:][~truth.isolated]
    false_positives = detections.scores[regions == 0]
    repeated = len(detections) - len(false_positives) - ignored - int((targets > MISSED).sum())
    return JudgedSlide(name, True, false_positives, targets, int(truth.isolated.sum()), ignored, repeated)


def froc(
    slides: Sequence[JudgedSlide],
    *,
    groups: Sequence[str] | None = None,
    resamples: int = 1000,
    seed: int = 42,
) -> Froc:
    """The FROC curve of a set of slides, its score, and bootstrap intervals by slide.

    Sensitivity is the share of all targets that were hit; false positives are divided by the number of slides, those
    without any detection too. Between two operating points the sensitivity is interpolated linearly. Before the first
    point with false positives it runs there from the highest sensitivity without any; beyond the last point, when all
    detections together make fewer false positives than a rate asks for, it stays as it is.

    Intervals are bootstrap ones by slide, no narrower than the exact ones of as many independent targets: where every
    target is found, no resample differs, and yet a few targets prove little.

    Every score of a detection is an operating point. The organisers' program leaves out the lowest score of all, which
    is that of missed targets and of isolated cells; where there is neither, it loses a real operating point. Here it
    never does.

    Args:
        slides: All slides of the set.
        groups: Patient of each slide: whole patients are then drawn. None: slides are drawn, those with and those
            without tumour apart, so that their numbers stay.
        resamples: Number of bootstrap resamples.
        seed: Of the bootstrap.

    Raises:
        EvaluationError: No slide has a target, two slides have one name, or `groups` has another length.
    """
    _check(slides, groups)
    events = _Events(slides)
    numbers = None if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1].astype(np.int64)
    classes = np.array([slide.tumour for slide in slides], dtype=np.int64)
    resampling = Resampling(classes, numbers, resamples, seed)
    at = np.array([*RATES, *GRID])
    drawn = np.array([events.sensitivities(at, row) for batch in resampling.batches() for row in batch])
    found = events.sensitivities(at, np.ones(len(slides)))
    targets = sum(len(slide.targets) for slide in slides)

    def metric(estimate: float, values: NDArray[np.float64]) -> Metric:
        by_slide = percentile_interval(estimate, values, resampling, n=targets)
        low, high = (float(end) for end in _share_interval(estimate, targets))
        return wider(by_slide, Metric(estimate, low, high, "Clopper–Pearson of the targets", targets))

    # As `metric` does for the six rates, for all of the grid at once.
    low, high = np.nanquantile(drawn[:, len(RATES) :], [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    least, most = _share_interval(found[len(RATES) :], targets)
    return Froc(
        curve=events.curve(),
        score=metric(float(found[: len(RATES)].mean()), drawn[:, : len(RATES)].mean(axis=1)),
        sensitivities=tuple(metric(float(found[index]), drawn[:, index]) for index in range(len(RATES))),
        band_low=tuple(np.minimum(low, least).tolist()),
        band_high=tuple(np.maximum(high, most).tolist()),
        slides=len(slides),
        tumour_slides=int(classes.sum()),
        targets=targets,
        isolated=sum(slide.isolated for slide in slides),
        detections=events.detections + sum(slide.ignored + slide.repeated for slide in slides),
    )


def _share_interval(share: ArrayLike, targets: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Exact interval of shares of `targets`; one between two counts has the lower end of the lesser, and so on."""
    count = np.asarray(share) * targets
    low, _ = clopper_pearson(np.floor(count + 1e-9), targets)
    _, high = clopper_pearson(np.ceil(count - 1e-9), targets)
    return low, high


def _check(slides: Sequence[JudgedSlide], groups: Sequence[str] | None) -> None:
    if not any(len(slide.targets) for slide in slides):
        raise EvaluationError(
            f"none of {plural(len(slides), 'slide')} has a target (annotated tumour that is more than "
            "isolated cells), so there is no sensitivity; give the annotations of slides with metastases"
        )
    names = [slide.name for slide in slides]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise EvaluationError(f"slide {twice[0]} is there more than once; give each slide once")
    if groups is not None and len(groups) != len(slides):
        raise EvaluationError(
            f"{plural(len(groups), 'group')} for {plural(len(slides), 'slide')}; give one group for each slide"
        )


class _Events:
    """All scores of a set of slides, sorted once, so that a resample costs a pass over them instead of a sort."""

    def __init__(self, slides: Sequence[JudgedSlide]) -> None:
        hits = [slide.targets[slide.targets > MISSED] for slide in slides]
        scores = np.concatenate([*(slide.false_positives for slide in slides), *hits])
        owners = np.repeat(np.arange(len(slides)), [len(slide.false_positives) for slide in slides])
        owners = np.concatenate([owners, np.repeat(np.arange(len(slides)), [len(found) for found in hits])])
        order = np.argsort(-scores, kind="stable")
        self.detections = len(scores)
        self._owners = owners[order]
        self._is_hit = order >= len(scores) - sum(len(found) for found in hits)
        ordered = scores[order]
        # Detections of one score are counted together: an operating point lies behind the last of them.
        self._last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)) if len(ordered) else order
        self._thresholds = ordered[self._last]
        self._targets = np.array([len(slide.targets) for slide in slides], dtype=np.float64)

    def points(self, weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """False positives per slide and sensitivity by falling threshold, each slide counted `weights` (S) times."""
        counted = weights[self._owners]
        hits = np.cumsum(np.where(self._is_hit, counted, 0.0))[self._last]
        false_positives = np.cumsum(np.where(self._is_hit, 0.0, counted))[self._last]
        targets = weights @ self._targets
        sensitivity = hits / targets if targets else np.full_like(hits, np.nan)
        start = 0.0 if targets else np.nan
        return np.append(0.0, false_positives / weights.sum()), np.append(start, sensitivity)

    def sensitivities(self, rates: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sensitivity at each of `rates` (K), NaN without a target in the resample."""
        # At equal false positives, `interp` takes the last, which is the highest sensitivity.
        return np.interp(rates, *self.points(weights))

    def curve(self) -> FrocCurve:
        """The operating points of all slides, each once."""
        x, y = self.points(np.ones(len(self._targets)))
        return FrocCurve(tuple(x.tolist()), tuple(y.tolist()), (None, *self._thresholds.tolist()))
