"""How fast slides are read and scanned, and how much memory a huge one takes.

    python benchmarks/scan.py [--cases reading startup resnet composed memory] [--patches SOURCE]
        [--split NAME] [--rounds 5] [--threads 2] [--small] [--json]

What is compared runs in turn in one process on the same slide and model; a ratio is the median over the rounds' ratios
and comes with the lowest and the highest. Slides are made first.

reading   tiles for a model that costs nothing, against OpenSlide with PIL in as many threads and from the same level
startup   seconds to open a slide of 16,384² px, find its tissue and plan its tiles
resnet    a scan with ResNet-18 (random weights, 224 px), against the bare OpenVINO engine on tiles in memory
composed  scans of a slide of over 2,000 tiles of 96 px, planning and writing included, against the bare engine of the
          same bundle: pcam with one look at a tile and as shipped, each in float and in INT8, calibrated on tiles of
          the slide as `sentinode bundle quantize` does it on validation. `--patches` names labelled patches to compose
          the slide of (without: synthetic ones); then the AUC over its cells is one of real tissue
memory    a scan of 100,000 × 80,000 px (two tiles that repeat) in a process of its own: its peak

The peers that were measured elsewhere (wsinfer, tiatoolbox, TRIDENT, LazySlide) reached at most 0.4 of the bare float
engine's rate on such composed slides; three times that, 1.2, is the target for INT8.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path

import scan_cases
from sentinode.core.settings import Settings

CASES = {
    "reading": scan_cases.reading,
    "startup": scan_cases.startup,
    "resnet": scan_cases.resnet,
    "composed": scan_cases.composed,
    "memory": scan_cases.memory,
}


def main() -> None:
    """Measure and print."""
    options = _options()
    result: dict[str, object] = {
        "threads": options.threads,
        "rounds": options.rounds,
        "cores": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 1),
    }
    with tempfile.TemporaryDirectory() as folder:
        for name in options.cases:
            place = Path(folder) / name
            place.mkdir()
            result[name] = CASES[name](place, options)
            if not options.json:
                print("\n".join([name, *(f"  {line}" for line in scan_cases.lines(result[name]))]), flush=True)
    result["load_after"] = round(os.getloadavg()[0], 1)
    if options.json:
        print(json.dumps(result, indent=2))
    else:
        print(f"{options.threads} threads, {options.rounds} rounds, load {result['load_before']}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument(
        "--patches", default="synthetic:patches", help="Labelled patches, as sentinode compose takes them."
    )
    parser.add_argument("--split", help="Of the patches.")
    parser.add_argument("--threads", type=int, default=Settings.from_environment().threads)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--small", action="store_true", help="Tiny slides: shows that it runs, measures nothing.")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
