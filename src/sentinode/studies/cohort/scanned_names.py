"""The slides of a folder of scans, as tables and annotations name them."""

from collections.abc import Iterable

from sentinode.scanning.scan_folder import ScanFolder
from sentinode.scanning.scan_record import FailedScan
from sentinode.slides.slide_names import SlideNames


def scanned_names(finished: Iterable[ScanFolder], failed: Iterable[FailedScan]) -> SlideNames:
    """The slides of a folder of scans, to be looked up in tables and annotations."""
    files = [scan.record.slide.file for scan in finished]
    return SlideNames([*files, *(f"{record.name}.tif" for record in failed)])  # of those only the name is known
