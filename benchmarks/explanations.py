"""How faithful the methods and layers are, on real patches, against random orders of the same patches.

    python benchmarks/explanations.py BUNDLE IMAGES… [--count 100] [--methods gradcam,cam] [--layers features.7,…]
                                      [--target tumour] [--single-look]

Prints for each method, and for Grad-CAM at each of the named layers: the mean areas under the deletion and insertion
curves beside those of random orders as smooth as the map, the mean gain with its 95 % interval, the mean spread of the
random orders of a patch, the share of patches on which the map beats the mean random order, the mean size of the rank
correlation with the map of a model with shuffled weights, and how many maps are empty (none of which beats anything).
"""

import argparse
import os
import sys
from collections import Counter

import numpy as np

from sentinode.core.images import read_image
from sentinode.explanation.explainable_model import open_model
from sentinode.explanation.explanation import Examiner, explain
from sentinode.models.bundle import open_bundle
from sentinode.models.prediction import expand_images


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle")
    parser.add_argument("images", nargs="+")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--methods", default="gradcam")
    parser.add_argument("--layers", default="")
    parser.add_argument("--target")
    parser.add_argument("--single-look", action="store_true")
    given = parser.parse_args()
    threads = int(os.environ.get("OMP_NUM_THREADS", "0")) or None
    model = open_model(open_bundle(given.bundle), threads=threads, single_look=given.single_look)
    paths = expand_images(given.images)
    chosen = np.random.default_rng(0).choice(len(paths), min(given.count, len(paths)), replace=False)
    tiles = [read_image(paths[number]) for number in sorted(chosen)]
    asked = [(method, None) for method in given.methods.split(",") if method]
    asked += [("gradcam", layer) for layer in given.layers.split(",") if layer]
    examiner = Examiner(model)
    empty = Counter[str]()
    found: dict[str, list[tuple[float, ...]]] = {}
    for number, tile in enumerate(tiles, start=1):
        for method, layer in asked:
            one = explain(model, tile, method, given.target, layer=layer, examiner=examiner)
            faith, sanity = one.faithfulness, one.sanity
            if faith is None:
                empty[f"{method} {layer or ''}".strip()] += 1
                continue
            row = (
                faith.deletion, faith.insertion, float(np.mean(faith.chance.deletion)),
                float(np.mean(faith.chance.insertion)), faith.gain, faith.spread,
                float("nan") if sanity is None or sanity.likeness is None else sanity.likeness,
            )  # fmt: skip
            found.setdefault(f"{method} {layer or ''}".strip(), []).append(row)
        if number % 10 == 0 or number == len(tiles):
            sys.stdout.write(f"\n{number} patches\n{_table(found, empty)}\n")
            sys.stdout.flush()


def _table(found: dict[str, list[tuple[float, ...]]], empty: Counter[str]) -> str:
    lines = [f"{'method':<25} deletion (chance)  insertion (chance)  {'gain [95 %]':<25} spread  better  like  empty"]
    for name, rows in found.items():
        deletion, insertion, chance_d, chance_i, gain, spread = np.mean(rows, axis=0)[:6]
        likes = np.asarray(rows)[:, 6]
        like = np.abs(likes[np.isfinite(likes)]).mean() if np.isfinite(likes).any() else float("nan")
        gains = np.asarray(rows)[:, 4]
        half = 1.96 * gains.std(ddof=1) / len(gains) ** 0.5 if len(gains) > 1 else float("nan")
        lines.append(
            f"{name:<25} {deletion:.3f} ({chance_d:.3f})      {insertion:.3f} ({chance_i:.3f})       "
            f"{gain:+.3f} [{gain - half:+.3f}, {gain + half:+.3f}]   {spread:.3f}   "
            f"{np.sum(gains > 0) / (len(gains) + empty[name]):.2f}    {like:.2f}   {empty[name]}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
