"""Physical size: µm/px, and where it may be taken from."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

_PRINTER_DPI = (72.0, 75.0, 96.0, 100.0, 150.0, 200.0, 300.0, 600.0, 1200.0)
"""Defaults of image programs: a resolution tag with one of these says nothing about a microscope."""

FINEST, COARSEST = 0.05, 20.0
"""µm/px that are believed. A microscope resolves 0.2 µm, and oil immersion at 100× is scanned at 0.1; a plain image at
20 has half a cell in a pixel. What lies outside is a unit taken for another, or a tag that nobody filled in."""

NO_SOURCE = "none"
"""Where the µm/px was found if nowhere; followed by what was found and is not believed."""

_UM_PER_UNIT = {"centimeter": 10_000.0, "inch": 25_400.0}

_OBJECTIVE_UM = 10.0
"""µm/px times objective power of the common scanners: 0.5 at 20×, 0.25 at 40×."""


@dataclass(frozen=True)
class Mpp:
    """µm per pixel along each axis."""

    x: float
    y: float

    def __str__(self) -> str:
        return f"{self.x:g}" if math.isclose(self.x, self.y, rel_tol=1e-4) else f"{self.x:g} × {self.y:g}"

    @property
    def believable(self) -> bool:
        """Whether both lie between `FINEST` and `COARSEST`."""
        return all(FINEST <= side <= COARSEST for side in (self.x, self.y))

    def scaled(self, downsample_x: float, downsample_y: float) -> "Mpp":
        """The µm/px of a level with these downsamples."""
        return Mpp(self.x * downsample_x, self.y * downsample_y)


def mpp_from_properties(properties: Mapping[str, str]) -> tuple[Mpp | None, str]:
    """Level 0's µm/px from a slide's properties (named as OpenSlide names them), and where it was found.

    In this order: the vendor's own value (`openslide.mpp-x`, `aperio.MPP`), the TIFF resolution tags in centimetres or
    inches, and the objective power, from which only an estimate follows: 10 / power, as the common scanners have it.
    What is found first counts: where it can't be believed, nothing is known, and the next in the order isn't asked.

    Returns:
        (µm/px or None, its source in words; from `NO_SOURCE` on where nothing is known).
    """
    found, source = _stated(properties)
    if found is None or found.believable:
        return found, source
    return None, f"{NO_SOURCE}: {found} µm/px by {source} is not believed"


def _stated(properties: Mapping[str, str]) -> tuple[Mpp | None, str]:
    vendor = properties.get("openslide.vendor", "")
    aperio = _positive(properties.get("aperio.MPP"))
    if aperio:
        return Mpp(aperio, aperio), "aperio.MPP"
    if vendor != "generic-tiff":  # there OpenSlide only repeats the resolution tags, and trusts a printer's dpi
        x, y = (_positive(properties.get(f"openslide.mpp-{axis}")) for axis in "xy")
        if x and y:
            return Mpp(x, y), "openslide.mpp-x, openslide.mpp-y"
    found = _from_resolution(properties) if vendor in {"", "generic-tiff"} else None
    if found:
        return found, f"resolution tags ({properties['tiff.ResolutionUnit']})"
    power = _positive(properties.get("openslide.objective-power"))
    if power:
        return Mpp(_OBJECTIVE_UM / power, _OBJECTIVE_UM / power), f"estimated from the objective power {power:g}×"
    return None, NO_SOURCE


def _from_resolution(properties: Mapping[str, str]) -> Mpp | None:
    um = _UM_PER_UNIT.get(properties.get("tiff.ResolutionUnit", ""))
    per_unit = [_positive(properties.get(f"tiff.{axis}Resolution")) for axis in "XY"]
    if not um or not per_unit[0] or not per_unit[1]:
        return None
    mpp = Mpp(um / per_unit[0], um / per_unit[1])
    dpi = 25_400.0 / mpp.x
    return None if any(abs(dpi - known) < 0.05 for known in _PRINTER_DPI) else mpp


def _positive(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) and value > 0 else None
