"""`sentinode demo`: the whole story in a few minutes, without any data."""

import shlex
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from sentinode.core.errors import StorageError
from sentinode.core.messages import plural
from sentinode.core.progress import SILENT, Progress
from sentinode.core.settings import Settings
from sentinode.data.data_config import DataConfig
from sentinode.data.dataset import load_dataset
from sentinode.slides.synthetic.drawn_slides import draw_slides
from sentinode.studies.cohort.froc_study import FrocResult, froc_of_scans
from sentinode.studies.inspection_study import inspect_source
from sentinode.studies.prediction_study import predict
from sentinode.studies.scan_study import scan
from sentinode.studies.train_study import Run, train
from sentinode.training.recipe import load_recipe

_MARK = ".sentinode-demo"
_SLIDE_PX = (4096, 3072)  # level-0 pixels of 0.486 µm: 2 × 1.5 mm, drawn and scanned in seconds
_WITH_TUMOUR = "tumour_001"
_SHOWN = 12  # test images that are written out and predicted one by one


@dataclass(frozen=True)
class Demo:
    """What the demo came to, and where its files are."""

    folder: Path
    run: Run
    froc: FrocResult

    def summary(self) -> str:
        """The figures, and the paths of what to look at."""
        out, facts = self.folder, self.froc.facts
        return "\n".join(
            [
                self.run.summary(),
                f"slides    FROC score {self.froc.froc}, of {plural(facts['targets'], 'metastasis')} on "
                f"{plural(facts['slides'], 'slide')}",
                f"data      {out / 'data' / 'index.html'}",
                f"curves    {out / 'run' / 'report' / 'curves.png'}",
                f"overlay   {out / 'scans' / _WITH_TUMOUR / 'overlay.png'}",
                f"lesions   {out / 'lesions' / 'froc.html'}",
                f"table     {out / 'predictions.csv'}",
                f"viewer    {_viewer_command(out)}",
                "Synthetic data: these figures show that the tools work, not how well a model finds real metastases.",
            ]
        )


def run_demo(
    out: str | Path, *, tell: Callable[[str], None], settings: Settings | None = None, progress: Progress = SILENT
) -> Demo:
    """Inspect, train, evaluate, predict and scan slides on built-in synthetic data.

    Args:
        out: Folder to make; an older demo there is replaced.
        tell: Called with a line at each step.
        settings: The machine's; None: by the environment. The cache is the demo's own.
        progress: Where to show how far it is.

    Raises:
        StorageError: `out` holds something else.
    """
    out = Path(out)
    _clear(out)
    # The demo's packed data lies with the demo, so that deleting its folder leaves nothing behind.
    settings = replace(settings or Settings.from_environment(), cache=out / "cache")
    recipe = load_recipe("demo")
    tell("1/4  a look at the data")
    inspect_source(recipe.data, out / "data", cache=settings.cache, progress=progress)
    tell("2/4  training, calibration, test")
    run = train(recipe, out=out / "run", settings=settings, progress=progress)
    assert run is not None  # the demo trains in one process
    tell("3/4  prediction of single images")
    _write_images(recipe.data, out / "images", settings, progress)
    predictions = predict(run.bundle, [out / "images"], settings=settings, progress=progress)
    tell(predictions.write_csv(out / "predictions.csv"))
    tell("4/4  two whole slides, one with a metastasis")
    width, height = _SLIDE_PX
    with progress.bar("draw", 2, "slides") as advance:
        draw_slides(out / "slides", slides=2, width=width, height=height, advance=advance)
    scan(
        run.bundle, [out / "slides"], out / "scans", tell=tell, settings=settings,
        progress=progress,
    )  # fmt: skip
    froc = froc_of_scans(out / "scans", out / "slides", out / "lesions", slides=out / "slides")
    return Demo(out, run, froc)


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


def _clear(out: Path) -> None:
    if out.exists() and any(out.iterdir()):
        if not (out / _MARK).exists():
            raise StorageError(f"{out} is not empty and holds no demo; choose another folder with --out")
        shutil.rmtree(out)
    out.mkdir(parents=True, exist_ok=True)
    (out / _MARK).touch()


def _write_images(config: DataConfig, folder: Path, settings: Settings, progress: Progress) -> None:
    """A few test images as PNG files, named by what they show."""
    data = load_dataset(config, cache=settings.cache, progress=progress)
    names, labels = data.manifest.class_names, data.manifest.labels("test")
    folder.mkdir()
    for place in range(0, len(labels), len(labels) // _SHOWN):
        Image.fromarray(data.images("test")[place]).save(folder / f"{names[labels[place]]}-{place:04d}.png")
