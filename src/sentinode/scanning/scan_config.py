"""What a scan is to do."""

from dataclasses import dataclass

from pydantic import Field

from sentinode.core.errors import BundleError
from sentinode.models.bundle_info import BundleInfo
from sentinode.models.model_config import TestTime
from sentinode.scanning.scan_record import LesionRule
from sentinode.scanning.tiling_config import TilingConfig, TilingPlan
from sentinode.slides.tile_plan import TileSpec

LEAST_THRESHOLD = 0.5
"""Least default score of a lesion's cells: more likely than not. An operating threshold chosen for sensitivity tells
which patches deserve a look; of normal tissue it takes up to a third, and outlines made with it fill a node."""


class ScanConfig(TilingConfig):
    """All that changes the result of a scan, beside slide and bundle. Saved with it; its hash tells scans apart."""

    target: str | None = None
    """The class that is looked for; None: the bundle's positive class."""
    threshold: float | None = Field(default=None, ge=0, le=1)
    """A lesion is outlined where the smoothed heatmap reaches this score; None: the bundle's operating threshold, but
    at least `LEAST_THRESHOLD`."""
    alone: float = Field(default=0.999, ge=0, le=1)
    """A single cell from this score on is a lesion, whatever is around it."""
    test_time: TestTime | None = None
    """Orientations that the model averages over; None: as the bundle was made."""

    def resolved(self, info: BundleInfo) -> "ScanPlan":
        """What is to be done with a bundle, decided once and for all slides.

        Raises:
            BundleError: The bundle has no positive class and none was given, or has no class of that name; neither it
                nor the user says the µm/px, or they contradict each other; or it judges photographs.
            DataError: The tissue model can't be read.
        """
        spec = self.tile_spec(info)
        target = info.classes.aliases.get(self.target or "", self.target) or info.classes.positive
        names = ", ".join(info.classes.names)
        if target is None:
            raise BundleError(f"bundle {info.name} has no positive class; say which to look for with --target: {names}")
        if target not in info.classes.names:
            raise BundleError(f"bundle {info.name} has no class {target!r}; give one of {names}")
        threshold, source = self._threshold(info, target)
        rule = LesionRule(alone=self.alone).at(threshold)
        model = self.read_tissue_model()
        return ScanPlan(self, self.sha256(), spec, model, target, threshold, source, rule)

    def _threshold(self, info: BundleInfo, target: str) -> tuple[float, str]:
        """The score from which a cell is positive, and where it comes from, in words."""
        if self.threshold is not None:
            return self.threshold, "given by the user"
        if info.threshold is None or target != info.classes.positive:
            return LEAST_THRESHOLD, "the default, because the bundle has none for this class"
        own = f"the bundle's, {info.threshold.value:.3g} ({info.threshold.rule} on {info.threshold.split})"
        if info.threshold.value < LEAST_THRESHOLD:
            return LEAST_THRESHOLD, f"the default, because {own}, is lower"
        return info.threshold.value, own

    def tile_spec(self, info: BundleInfo) -> TileSpec:
        """The tiles that the bundle's model takes.

        Raises:
            BundleError: See `resolved`.
        """
        if info.input.pooling:
            raise BundleError(
                f"bundle {info.name} judges whole photographs by their pooled tiles, which says nothing of a single "
                "tile; scan with a bundle that was trained on tiles"
            )
        return self.spec(f"bundle {info.name}", info.input.tile_size, info.input.mpp, context=info.input.context)


@dataclass(frozen=True, eq=False)
class ScanPlan(TilingPlan):
    """What scans with one bundle do: a configuration with nothing left open."""

    config: ScanConfig
    target: str
    """The class that is looked for."""
    threshold: float
    """Score from which a lesion is outlined."""
    threshold_source: str
    """Where the threshold comes from, in words."""
    rule: LesionRule
    """What makes cells a lesion; no part of it is laxer than the threshold."""
