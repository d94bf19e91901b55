"""Labelled patches and tiles of normal slides in one table, for the recipes `pcam-lite` and `pcam-gpu`.

    python benchmarks/training_data.py --patches ../shared/data/pcam-real \
        --normal ../shared/data/slides/nodes-anthracosis-he.tif --rows 0 7900 --out training-data

Patches are named where they lie; duplicates are left out. Tiles are cut at the patches' µm/px and size by Sentinode's
own reader and saved as JPEG of the same quality and chroma subsampling, or a network would learn the format. Only rows
of level-0 pixels that `--rows` names are cut, so that the rest of the slide can be measured on.
"""

import argparse
from pathlib import Path

import pandas as pd
from PIL import Image

from sentinode.slides.slide import open_slide
from sentinode.slides.tile_plan import TileSpec, plan_tiles
from sentinode.slides.tissue.tissue_mask import tissue_mask

SIZE_PX, MPP = 96, 0.972  # of PatchCamelyon
JPEG_QUALITY, JPEG_SUBSAMPLING = 75, "4:2:0"  # of the patches


def patches(folder: Path) -> pd.DataFrame:
    """The patches of `folder` that duplicate no other: columns path, label, split and group (empty: unknown)."""
    table = pd.read_csv(folder / "labels.csv", dtype=str, keep_default_na=False)
    table = table[table["duplicate_of"] == ""]
    paths = [str((folder / path).resolve()) for path in table["path"]]
    return pd.DataFrame({"path": paths, "label": table["label"], "group": "", "split": table["split"]})


def cut(file: Path, out: Path, rows: tuple[int, int], stride_px: int) -> pd.DataFrame:
    """Tiles of a normal slide between two rows of level-0 pixels, as JPEG below `out`; the same columns."""
    lines = []
    with open_slide(file) as slide:
        spec = TileSpec(size_px=SIZE_PX, mpp=MPP, stride_px=stride_px)
        plan = plan_tiles(slide.width, slide.height, slide.mpp, spec, tissue_mask(slide))
        out.mkdir(parents=True, exist_ok=True)
        for x, y in zip(plan.x0.tolist(), plan.y0.tolist(), strict=True):
            if y < rows[0] or y + plan.height > min(rows[1], slide.height) or x + plan.width > slide.width:
                continue
            path = out / f"{slide.name}-{x}-{y}.jpg"
            Image.fromarray(slide.read_at(MPP, x, y, SIZE_PX, SIZE_PX)).save(
                path, quality=JPEG_QUALITY, subsampling=JPEG_SUBSAMPLING
            )
            lines.append((str(path.resolve()), "0", slide.name, "train"))
    return pd.DataFrame(lines, columns=["path", "label", "group", "split"])


def main() -> None:
    """Write `data.csv`, and `tiles/` beside it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patches", type=Path, required=True, help="folder with labels.csv")
    parser.add_argument("--normal", type=Path, nargs="*", default=[], help="slides without a metastasis")
    parser.add_argument("--rows", type=int, nargs=2, default=(0, 10**9), help="level-0 rows to cut from, from and to")
    parser.add_argument("--stride", type=int, default=48, help="from one tile to the next, pixels at 0.972 µm/px")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    parts = [patches(arguments.patches)]
    parts += [cut(file, arguments.out / "tiles", tuple(arguments.rows), arguments.stride) for file in arguments.normal]
    arguments.out.mkdir(parents=True, exist_ok=True)
    table = pd.concat(parts)
    table.to_csv(arguments.out / "data.csv", index=False)
    print(table.groupby(["split", "label"]).size().to_string())


if __name__ == "__main__":
    main()
