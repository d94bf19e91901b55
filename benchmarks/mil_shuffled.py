"""Labels shuffled before everything: what every method of `sentinode mil` then reaches. 0.5, or there is a leak.

    python benchmarks/mil_shuffled.py --features bags --labels labels.csv --out shuffled

For each seed the labels of the training slides change places (of patients as a whole, where each has one class), folds
are dealt anew, and every method is fitted, stopped, calibrated, chosen and scored as ever. Stopped, it goes on.
"""

import argparse
import csv
from pathlib import Path

import numpy as np

from sentinode.core.csv_output import write_csv
from sentinode.core.progress import Progress
from sentinode.data.slide_labels import SlideLabel, read_slide_labels
from sentinode.metrics.crossval.permutation import shuffle_labels
from sentinode.slides.slide_names import SlideNames
from sentinode.studies.mil.mil_study import mil

_WITHOUT = ("crossval.permutations=0", "crossval.explained=0")


def shuffled(rows: list[SlideLabel], seed: int, path: Path) -> None:
    """Write the table of labels with those of the training slides in other places; test slides are left out."""
    train = [row for row in rows if row.split == "train"]
    truths = np.array([row.tumour for row in train], np.int64)
    labels = shuffle_labels(truths, [row.patient for row in train], np.random.default_rng(seed))
    lines = ([row.slide, label, row.patient] for row, label in zip(train, labels.tolist(), strict=True))
    write_csv(path, ("slide", "label", "patient"), lines)


def aucs(folder: Path) -> dict[str, float]:
    """Row of the report → its out-of-fold AUC."""
    with (folder / "report" / "methods.csv").open(encoding="utf-8", newline="") as file:
        return {row["method"]: float(row["auc"]) for row in csv.DictReader(file) if row["split"] == "out-of-fold"}


def main() -> None:
    """Shuffle, fit, print each row's mean and range over the seeds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--features", type=Path, required=True, help="folder of features")
    parser.add_argument("--labels", type=Path, required=True, help="CSV slide,label[,patient][,split]")
    parser.add_argument("--out", type=Path, required=True, help="folder for a comparison of each seed")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--set", action="append", default=[], help="override of the recipe: mil.epochs=10")
    options = parser.parse_args()
    rows = list(read_slide_labels(options.labels, SlideNames(p.name for p in options.features.glob("*.h5"))).rows)
    options.out.mkdir(parents=True, exist_ok=True)
    found: dict[str, list[float]] = {}
    for seed in range(options.seeds):
        table = options.out / f"labels-{seed:02d}.csv"
        shuffled(rows, seed, table)
        mil(
            table, options.out / f"{seed:02d}", features=options.features, repeats=1, seed=seed,
            overrides=(*_WITHOUT, *options.set), progress=Progress.for_terminal(quiet=False),
        )  # fmt: skip
        for name, value in aucs(options.out / f"{seed:02d}").items():
            found.setdefault(name, []).append(value)
    for name, values in found.items():
        spread = float(np.std(values, ddof=1)) if len(values) > 1 else float("nan")
        print(f"{name:<28} AUC {np.mean(values):.3f}   sd {spread:.3f}   {min(values):.3f} to {max(values):.3f}")


if __name__ == "__main__":
    main()
