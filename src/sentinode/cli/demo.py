"""`sentinode demo`: the whole story in a few minutes, without any data."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentinode.cli.options import Quiet, progress, say
from sentinode.core.errors import StorageError
from sentinode.core.settings import Settings

if TYPE_CHECKING:
    from sentinode.core.progress import Progress
    from sentinode.data.config import DataConfig

_MARK = ".sentinode-demo"
_SHOWN = 12  # test images that are written out and predicted one by one


def demo(
    out: Annotated[Path, typer.Option(help="Folder to make; an older demo there is replaced.")] = Path("demo"),
    quiet: Quiet = False,
) -> None:
    """Inspect, train, evaluate and predict on built-in synthetic patches, in a few minutes on two cores."""
    from sentinode.cli.predict import predict
    from sentinode.data.inspection import inspect_source
    from sentinode.training.recipe import load_recipe
    from sentinode.training.run import start_run

    _clear(out)
    # The demo's packed data lies with the demo, so that deleting its folder leaves nothing behind.
    settings = replace(Settings.from_environment(), cache=out / "cache")
    bars = progress(quiet)
    recipe = load_recipe("demo")
    say("1/3  a look at the data")
    inspect_source(recipe.data, out / "data", cache=settings.cache, progress=bars)
    say("2/3  training, calibration, test")
    result = start_run(recipe, out / "run", settings, bars)
    say("3/3  prediction of single images")
    _write_images(recipe.data, out / "images", settings, bars)
    predict(str(out / "run" / "bundle"), [str(out / "images")], csv=out / "predictions.csv", quiet=quiet)
    say("")
    say(result.summary())
    say(f"data      {out / 'data' / 'index.html'}")
    say(f"curves    {out / 'run' / 'report' / 'curves.png'}")
    say(f"table     {out / 'predictions.csv'}")
    say("Synthetic patches: these figures show that the tools work, not how well a model finds real metastases.")


def _clear(out: Path) -> None:
    if out.exists() and any(out.iterdir()):
        if not (out / _MARK).exists():
            raise StorageError(f"{out} is not empty and holds no demo; choose another folder with --out")
        shutil.rmtree(out)
    out.mkdir(parents=True, exist_ok=True)
    (out / _MARK).touch()


def _write_images(config: "DataConfig", folder: Path, settings: Settings, bars: "Progress") -> None:
    """A few test images as PNG files, named by what they show."""
    from PIL import Image

    from sentinode.data.dataset import load_dataset

    data = load_dataset(config, cache=settings.cache, progress=bars)
    names, labels = data.manifest.class_names, data.manifest.labels("test")
    folder.mkdir()
    for place in range(0, len(labels), len(labels) // _SHOWN):
        Image.fromarray(data.images("test")[place]).save(folder / f"{names[labels[place]]}-{place:04d}.png")
