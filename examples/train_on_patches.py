"""Train a small network on patches, and look at what came of it.

    python examples/train_on_patches.py FOLDER

FOLDER gets the run: recipe, split, log, bundle and report. `data` may be any source, such as "folder:my-patches".
"""

import sys
from pathlib import Path

import sentinode as sn


def main(out: Path) -> None:
    """Train on built-in synthetic patches, for as short as it makes sense."""
    quick = ["training.epochs=2", "model.test_time=none"]
    run = sn.train("demo", data="synthetic:patches?n=240", out=out / "run", overrides=quick, progress=True)
    print(run.summary())
    print(run.log[["epoch", "validation_loss", "validation_auc"]].to_string(index=False))
    figures = sn.evaluate(run.bundle, data="synthetic:patches?n=240", out=out / "measured", split="test")
    print(figures.table.loc[["auc", "sensitivity", "specificity"], ["value", "low", "high"]])


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "trained"))
