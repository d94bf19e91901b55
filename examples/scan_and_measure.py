"""Scan a whole slide, and measure what was found.

    python examples/scan_and_measure.py FOLDER

The slide is drawn; give `sn.scan` the path of your own.
"""

import sys
from pathlib import Path

import numpy as np

import sentinode as sn
from sentinode.studies.composition_study import compose


def main(out: Path) -> None:
    """Draw a slide with tumour, scan it, and print its lesions and the share of its tissue that looks like tumour."""
    compose("synthetic:slides", out / "slides", slides=2, size="2048x1536")
    for path in sorted((out / "slides").glob("*.tif")):
        with sn.open_slide(path) as slide:
            tissue = slide.tissue()
            print(f"{path.name}: {slide.width} × {slide.height} px, {tissue.tissue_mm2:.2f} mm² tissue")
        scan = sn.scan("pcam", path, out=out / "scans")
        cells = scan.heatmap[np.isfinite(scan.heatmap)]
        print(f"  {scan}; {np.mean(cells >= 0.9):.1%} of the cells reach 0.9")
        print(scan.lesion_table[["rank", "size_class", "diameter_um", "area_mm2", "score_max"]].to_string(index=False))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "measured"))
