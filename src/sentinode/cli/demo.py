"""`sentinode demo`: the whole story in a few minutes, without any data."""

import shlex
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentinode.cli.options import Quiet, progress, say
from sentinode.core.errors import StorageError
from sentinode.core.settings import Settings

if TYPE_CHECKING:
    from sentinode.core.progress import Progress
    from sentinode.data.data_config import DataConfig

_MARK = ".sentinode-demo"
_SLIDE_PX = (4096, 3072)  # level-0 pixels of 0.486 µm: 2 × 1.5 mm, drawn and scanned in seconds
_WITH_TUMOUR = "tumour_001"
_SHOWN = 12  # test images that are written out and predicted one by one


def demo(
    out: Annotated[Path, typer.Option(help="Folder to make; an older demo there is replaced.")] = Path("demo"),
    quiet: Quiet = False,
) -> None:
    """Inspect, train, evaluate, predict and scan slides on built-in synthetic data, in a few minutes."""
    from sentinode.cli.predict import predict
    from sentinode.studies.cohort.froc_study import (
        froc_of_scans,  # here: what it lacks is missed before the training, not after
    )
    from sentinode.studies.inspection_study import inspect_source
    from sentinode.studies.train_study import train
    from sentinode.training.recipe import load_recipe

    _clear(out)
    # The demo's packed data lies with the demo, so that deleting its folder leaves nothing behind.
    settings = replace(Settings.from_environment(), cache=out / "cache")
    bars = progress(quiet)
    recipe = load_recipe("demo")
    say("1/4  a look at the data")
    inspect_source(recipe.data, out / "data", cache=settings.cache, progress=bars)
    say("2/4  training, calibration, test")
    result = train(recipe, out=out / "run", settings=settings, progress=bars)
    assert result is not None
    say("3/4  prediction of single images")
    _write_images(recipe.data, out / "images", settings, bars)
    predict(str(out / "run" / "bundle"), [str(out / "images")], csv=out / "predictions.csv", quiet=quiet)
    say("4/4  two whole slides, one with a metastasis")
    _scan_slides(out, settings, bars)
    measured = froc_of_scans(out / "scans", out / "slides", out / "lesions", slides=out / "slides")
    say("")
    say(result.summary())
    found = measured.facts
    say(f"slides    FROC score {measured.froc}, of {found['targets']} metastases on {found['slides']} slides")
    say(f"data      {out / 'data' / 'index.html'}")
    say(f"curves    {out / 'run' / 'report' / 'curves.png'}")
    say(f"overlay   {out / 'scans' / _WITH_TUMOUR / 'overlay.png'}")
    say(f"lesions   {out / 'lesions' / 'froc.html'}")
    say(f"table     {out / 'predictions.csv'}")
    say(f"viewer    {_viewer_command(out)}")
    say("Synthetic data: these figures show that the tools work, not how well a model finds real metastases.")


def _viewer_command(out: Path) -> str:
    """Shows the demo's slides with their scans; to be typed where the demo was started."""
    run = out / "run"
    places = {"--slides": out / "slides", "--scans": out / "scans", "--report": run / "report" / "report.html"}
    words = [_program(), "serve", run / "bundle", *(word for pair in places.items() for word in pair)]
    return shlex.join(map(str, words))


def _program() -> Path:
    """This `sentinode`: by its name alone where that finds it; `make demo` runs one of an environment not active."""
    name = Path("sentinode")
    here = Path(sys.executable).with_name(name.name)
    found = shutil.which(name)
    if not here.is_file() or (found and Path(found).samefile(here)):
        return name
    return here.relative_to(Path.cwd()) if here.is_relative_to(Path.cwd()) else here


def _scan_slides(out: Path, settings: Settings, bars: "Progress") -> None:
    """Draw a slide without and one with tumour, and scan them with the demo's own bundle."""
    from sentinode.cli.scan import line
    from sentinode.models.bundle import open_bundle
    from sentinode.scanning.scan_config import Machine, ScanConfig
    from sentinode.scanning.scan_queue import scan_slides
    from sentinode.slides.slide_list import list_slides
    from sentinode.slides.synthetic.drawn_slides import draw_slides

    width, height = _SLIDE_PX
    with bars.bar("draw", 2, "slides") as advance:
        draw_slides(out / "slides", slides=2, width=width, height=height, advance=advance)
    slides, machine = list_slides([out / "slides"]), Machine(settings.threads)
    bundle = open_bundle(str(out / "run" / "bundle"))
    scan_slides(bundle, slides, out / "scans", ScanConfig(), machine, bars, lambda one: say(line(one)))


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
