"""A classifier from 38 labelled images: frozen features of the shipped model, cross-validated without a leak.

python examples/few_images.py FOLDER
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

import sentinode as sn


def draw_images(folder: Path) -> None:
    """22 images with a dark centre and 16 without, in a folder for each class."""
    random = np.random.default_rng(38)
    for number in range(38):
        pixels = random.normal((205, 150, 190), 18, (96, 96, 3))
        if number < 22:
            pixels[32:64, 32:64] -= random.uniform(10, 70)
        path = folder / ("tumour" if number < 22 else "normal") / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)


def main(out: Path) -> None:
    """Draw the images, cross-validate, and predict one with the model that was refitted on all of them."""
    draw_images(out / "images")
    result = sn.crossval(
        "pcam",
        out / "honest",
        data=f"folder:{out / 'images'}",
        folds=3,
        repeats=1,
        overrides=["crossval.permutations=0", "classifier.grid={}"],
    )
    print(result.summary())
    assert result.bundle is not None
    print(sn.predict(result.bundle, out / "images" / "tumour" / "00.png").table.to_string(index=False))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "few"))
