"""What `mil.start` gives: a slide model taught by many slides, gone on with on a few of one's own, against none.

    python benchmarks/mil_start.py --features bags --labels labels.csv --labelled 20 50 --seeds 5

Slides of split train stand for those that a start is taught by, slides of split test for one's own. For each seed the
start is fitted to all of the former; so many patients' slides of the latter are drawn, of both classes alike, and the
method is fitted to them with the start and without. The other ones of one's own are scored by the start as it is and by
both fits, in which none of them had a part: the figure is the difference of their AUCs, paired by draw.
"""

import argparse
import statistics
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from sentinode.data.slide_labels import SlideLabel, read_slide_labels
from sentinode.models.mil.bag import Bag, joint_space
from sentinode.models.mil.bag_file import BAG_SUFFIX, read_bag
from sentinode.slides.slide_names import SlideNames
from sentinode.training.mil.mil_bundle import SlideModelFacts, bundle_aggregator
from sentinode.training.mil.mil_config import MilConfig
from sentinode.training.mil.mil_fit import FittedAggregator, fit_aggregator
from sentinode.training.mil.slide_calibration import calibrate_slides

_ROWS = ("start as it is", "without", "with")


@dataclass(frozen=True, eq=False)
class Slides:
    """Bags and what is known of them."""

    bags: list[Bag]
    truths: NDArray[np.int64]
    patients: list[str]

    def some(self, places: NDArray[np.int64]) -> "Slides":
        """Those at these places."""
        return Slides([self.bags[one] for one in places], self.truths[places], [self.patients[one] for one in places])

    def fitted(self, config: MilConfig, seed: int) -> FittedAggregator:
        """A method, fitted to all of them."""
        return fit_aggregator(config, self.bags, self.truths, self.patients, classes=2, seed=seed, threads=1)

    def auc(self, fitted: FittedAggregator) -> float:
        """Of a method that was fitted to others."""
        return float(roc_auc_score(self.truths, [fitted.logits(bag)[0] for bag in self.bags]))


def slides_of(rows: list[SlideLabel], features: Path, split: str) -> Slides:
    """The slides of a split that have features."""
    chosen = [row for row in rows if row.split == split and (features / f"{row.slide}{BAG_SUFFIX}").is_file()]
    bags = [read_bag(features / f"{row.slide}{BAG_SUFFIX}") for row in chosen]
    return Slides(bags, np.array([row.tumour for row in chosen], np.int64), [row.patient for row in chosen])


def write_start(folder: Path, config: MilConfig, many: Slides, fitted: FittedAggregator, seed: int) -> MilConfig:
    """The fit as a slide bundle, and the recipe that goes on from it."""
    logits = np.stack([fitted.logits(many.bags[row]) for row in fitted.validation])
    judged = many.some(fitted.validation)
    calibrated = calibrate_slides(logits, judged.truths, judged.patients, "sensitivity>=0.9", split="validation")
    facts = SlideModelFacts(
        name="start", classes=("normal", "tumour"), label_rule="", features=joint_space(many.bags),
        grid=many.bags[0].facts.grid, data_sha256="", split_sha256="", trained_on=f"{len(many.bags)} slides",
        metrics=None,
    )  # fmt: skip
    bundle_aggregator(folder, config, fitted.aggregator, calibrated, facts, seed=seed, tiles=None)
    return config.model_copy(update={"start": f"bundle:{folder}"})


def drawn(own: Slides, count: int, seed: int) -> tuple[Slides, Slides]:
    """So many slides, half of either class, and all others; a patient's slides stay together."""
    people = np.unique(np.array(own.patients))
    order = np.random.default_rng([seed, count]).permutation(people).tolist()
    taken, left = [], [count - count // 2, count // 2]
    for patient in order:
        places = np.flatnonzero(np.array(own.patients) == patient)
        if all(np.sum(own.truths[places] == truth) <= left[truth] for truth in (0, 1)):
            taken += places.tolist()
            left = [left[truth] - int(np.sum(own.truths[places] == truth)) for truth in (0, 1)]
    if any(left):
        raise SystemExit(f"the slides of split test don't give {count}, half of either class; give fewer --labelled")
    inside = np.isin(np.arange(len(own.bags)), taken)
    return own.some(np.flatnonzero(inside)), own.some(np.flatnonzero(~inside))


def main() -> None:
    """Fit, and print for each number of labels the AUCs and their paired difference."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--features", type=Path, required=True, help="folder of features")
    parser.add_argument("--labels", type=Path, required=True, help="CSV slide,label,split[,patient]")
    parser.add_argument("--labelled", type=int, nargs="+", default=[20, 50], help="slides of one's own with a label")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--method", default="abmil")
    parser.add_argument("--epochs", type=int, default=60)
    options = parser.parse_args()
    rows = list(read_slide_labels(options.labels, SlideNames(p.name for p in options.features.glob("*.h5"))).rows)
    many, own = (slides_of(rows, options.features, split) for split in ("train", "test"))
    config = MilConfig.model_validate({"method": options.method, "epochs": options.epochs})
    found: dict[int, list[dict[str, float]]] = {count: [] for count in options.labelled}
    with TemporaryDirectory() as folder:
        for seed in range(options.seeds):
            start = many.fitted(config, seed)
            going_on = write_start(Path(folder) / str(seed), config, many, start, seed)
            for count, draws in found.items():
                few, others = drawn(own, count, seed)
                values = (start, few.fitted(config, seed), few.fitted(going_on, seed))
                draws.append({name: others.auc(value) for name, value in zip(_ROWS, values, strict=True)})
                print(f"seed {seed}, {count} labels", draws[-1], flush=True)
    for count, draws in found.items():
        means = "   ".join(f"{name} {statistics.mean(draw[name] for draw in draws):.3f}" for name in _ROWS)
        gains = [draw["with"] - draw["without"] for draw in draws]
        spread = f" ± {statistics.stdev(gains) / len(gains) ** 0.5:.3f} (standard error)" if len(gains) > 1 else ""
        print(f"{count} labels: AUC {means}   paired difference {statistics.mean(gains):+.3f}{spread}")


if __name__ == "__main__":
    main()
