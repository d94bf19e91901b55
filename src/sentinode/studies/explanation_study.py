"""`sentinode explain`: maps with what checks them, as a folder with one page that needs nothing else."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sentinode.core.errors import SentinodeError
from sentinode.core.files import atomic_folder, write_json
from sentinode.core.progress import SILENT, Progress
from sentinode.core.result_folder import ResultKind
from sentinode.core.settings import Settings
from sentinode.explanation.explainable_model import ExplainableModel, open_model
from sentinode.explanation.explanation import LIKENESS, Examiner, Explanation, check_class
from sentinode.explanation.explanation import explain as explain_tile
from sentinode.explanation.faithfulness import STEPS
from sentinode.explanation.map_pictures import blended, coloured
from sentinode.explanation.methods import fitting_methods, method_named, method_of
from sentinode.explanation.subject import Explained, Subject
from sentinode.models.bundle import open_bundle
from sentinode.models.prediction import Failure, Prediction, expand_images, read_tile
from sentinode.reports.explanation_page import (
    ExplanationContext,
    ImageView,
    MapFaithfulness,
    MapMethod,
    MapView,
    ShuffledMap,
    write_explanation_page,
)

RECORD = "explanations.json"
PAGE = "index.html"
EXPLANATION_FOLDER = ResultKind("explanations", (RECORD,))


@dataclass(frozen=True)
class Explanations:
    """Where the files are, and what is in them."""

    folder: Path
    records: list[dict[str, Any]]
    """The content of `explanations.json`: one entry for each image."""

    failures: tuple[Failure, ...]
    """Images that could not be read."""

    def to_json(self) -> list[dict[str, Any]]:
        """A machine's answer."""
        return self.records

    def summary(self) -> str:
        """A line for each image, and the path of what to look at."""
        lines = [f"{one['prediction']:<10} {Path(one['image']).name} {one['place']}".rstrip() for one in self.records]
        return "\n".join([*lines, f"look at   {self.folder / PAGE}"])

    def warnings(self) -> list[str]:
        """A line for each image that failed."""
        return [f"not explained: {failure.message}" for failure in self.failures]


def explain(
    bundle: str | Path,
    images: Sequence[str | Path] = (),
    *,
    out: str | Path,
    methods: str | Sequence[str] | None = None,
    target: str | None = None,
    layer: str | None = None,
    checks: bool = True,
    single_look: bool = False,
    resize: bool = False,
    slide: str | Path | None = None,
    at: Sequence[str] = (),
    scan: str | Path | None = None,
    top: int = 5,
    mpp: float | None = None,
    series: int | None = None,
    engine: str = "auto",
    settings: Settings | None = None,
    progress: Progress = SILENT,
) -> Explanations:
    """Show what speaks for a class in images or in tiles of a slide, and how far the maps are to be trusted.

    Args:
        bundle: A bundle's folder or a shipped name.
        images: Files, folders or glob patterns; or none, and a slide.
        out: Folder for the page, the overlays and the maps; earlier explanations there are replaced.
        methods: Names of methods, or one text with commas between them; None: the first that fits the bundle.
        target: The class to explain; None: the positive one.
        layer: Of Grad-CAM and LayerCAM; None: the architecture's.
        checks: Measure how far each map is to be trusted.
        single_look: Explain one look, without test-time averaging: faster.
        resize: Accept images of another size and resize them.
        slide: A slide to take tiles from.
        at: Centres of tiles, `X,Y` in level-0 pixels.
        scan: A scan folder of the slide: its top lesions.
        top: Of the scan's lesions, how many.
        mpp: µm/px of level 0, in place of what the slide says.
        series: Which of several pictures in the slide's file, from 0; None: the scan's, or the only one.
        engine: `auto`, `openvino` or `torch`.
        settings: The machine's; None: by the environment.
        progress: Where to show how far it is.

    Raises:
        SentinodeError: Not either images or a slide, a method or class that there is not, or no image that can be read.
        StorageError: `out` holds something else.
    """
    if bool(images) == bool(slide):
        raise SentinodeError("give either images, or --slide with --at X,Y or --scan SCAN")
    out = Path(out)
    EXPLANATION_FOLDER.check(out)
    opened, threads = open_bundle(bundle), (settings or Settings.from_environment()).threads
    check_class(opened.info, target)
    model = open_model(opened, engine=engine, threads=threads, single_look=single_look)
    names = _methods(model, methods, layer)
    failures: list[Failure] = []
    if slide:
        from sentinode.studies.explained_tiles import tiles_of_slide  # images need no reader of slides

        subjects = tiles_of_slide(model, Path(slide), at, None if scan is None else Path(scan), top, mpp, series)
    else:
        subjects, failures = _tiles_of_images(model, images, resize)
    examiner = Examiner(model) if checks else None
    with progress.bar("explaining", len(subjects) * len(names), "maps") as advance:
        records = write_explanations(
            model, subjects, names, out, target=target, layer=layer, examiner=examiner, advance=advance
        )
    return Explanations(out, records, tuple(failures))


def _methods(model: ExplainableModel, methods: str | Sequence[str] | None, layer: str | None) -> list[str]:
    """The names, each once; a wrong one ends here, before any work."""
    if methods is None:
        methods = fitting_methods(model)[0].name
    parts = methods.split(",") if isinstance(methods, str) else methods
    names = list(dict.fromkeys(name.strip() for name in parts if name.strip()))
    for name in names:
        method_of(model, name)
    if layer is not None and not any(method_named(name).layered for name in names):
        raise SentinodeError(
            f"--layer {layer} is for gradcam, gradcam++ and layercam; leave it out, or add one of them"
        )
    return names


def _tiles_of_images(
    model: ExplainableModel, images: Sequence[str | Path], resize: bool
) -> tuple[list[Subject], list[Failure]]:
    tiles: list[Subject] = []
    failures: list[Failure] = []
    for path in expand_images([str(image) for image in images]):
        tile = read_tile(path, model.engine, resize=resize)
        if isinstance(tile, Failure):
            failures.append(tile)
        else:
            tiles.append(Subject(path.stem, path, tile))
    if not tiles:
        raise SentinodeError(f"none of the images can be explained: {failures[0].message}")
    return tiles, failures


def write_explanations(
    model: ExplainableModel,
    subjects: Iterable[Subject],
    methods: Sequence[str],
    out: Path,
    *,
    target: str | None = None,
    layer: str | None = None,
    examiner: Examiner | None = None,
    advance: Callable[[], Any] = lambda: None,
) -> list[dict[str, Any]]:
    """Explain tiles by each method, and write the folder `out`, whole or not at all; its record is returned.

    Each tile gets a folder with METHOD.npy (float32, (H, W)), METHOD-map.png and METHOD-overlay.png.

    Args:
        model: From `open_model`.
        subjects: The tiles.
        methods: Names; see `methods.method_names`.
        out: The folder; earlier explanations there are replaced.
        target: The class; see `explain`.
        layer: For Grad-CAM.
        examiner: Checks every map; None leaves the checks out.
        advance: Called after each map.
    """
    EXPLANATION_FOLDER.check(out)
    done, records, used = [], [], set[str]()
    with atomic_folder(out) as temporary:
        for subject in subjects:
            found = []
            for method in methods:
                wanted = layer if method_named(method).layered else None
                found.append(explain_tile(model, subject.tile, method, target, layer=wanted, examiner=examiner))
                advance()
            prediction = Prediction.of(model.probabilities(subject.tile[None])[0], model.info, subject.path)
            folder = _unused(subject.name, used)
            _write_files(temporary / folder, found)
            done.append(Explained(subject, prediction, tuple(found)))
            records.append(_record(done[-1], folder, model))
        write_json(temporary / RECORD, records)
        context = ExplanationContext(
            model=model.info.name,
            explained=model.explained,
            steps=STEPS,
            correlation=LIKENESS,
            shuffled=model.deployed is not None,
        )
        write_explanation_page([_image_view(one, layer) for one in done], context, temporary / PAGE)
    return records


def _unused(name: str, used: set[str]) -> str:
    """`name`, with a number where two images of different folders are called alike."""
    number, found = 1, name
    while found.casefold() in used:
        number += 1
        found = f"{name}-{number}"
    used.add(found.casefold())
    return found


def _write_files(folder: Path, found: Sequence[Explanation]) -> None:
    folder.mkdir()
    for one in found:
        np.save(folder / f"{one.method}.npy", one.map)
        (folder / f"{one.method}-map.png").write_bytes(one.map_png())
        (folder / f"{one.method}-overlay.png").write_bytes(one.overlay_png())


def _image_view(done: Explained, layer: str | None) -> ImageView:
    """An image as the page shows it."""
    prediction = done.prediction
    return ImageView(
        name=done.subject.name,
        place=done.subject.place,
        label=prediction.label,
        confidence=prediction.confidence,
        low_confidence=prediction.low_confidence,
        picture=done.subject.tile,
        maps=tuple(_map_view(one, layer) for one in done.explanations),
    )


def _map_view(one: Explanation, layer: str | None) -> MapView:
    method, faith, sanity = method_named(one.method), one.faithfulness, one.sanity
    about = f"{method.about} Layer: {layer}." if method.layered and layer else method.about
    return MapView(
        method=MapMethod(method.title, about, one.signed),
        target=one.target,
        probability=one.probability,
        overlay=blended(one.tile, one.map, signed=one.signed),
        picture=coloured(one.map, signed=one.signed),
        empty=one.empty,
        total=float(one.map.sum()),
        constant=one.constant,
        faithfulness=None
        if faith is None
        else MapFaithfulness(
            deletion=faith.deletion,
            insertion=faith.insertion,
            random_deletion=faith.chance.deletion,
            random_insertion=faith.chance.insertion,
            gain=faith.gain,
            spread=faith.spread,
            beaten=faith.beaten,
        ),
        shuffled=None
        if sanity is None
        else ShuffledMap(coloured(sanity.map, signed=one.signed), sanity.likeness, sanity.passed),
    )


def _record(done: Explained, folder: str, model: ExplainableModel) -> dict[str, Any]:
    prediction = done.prediction
    return {
        "image": str(done.subject.path),
        "place": done.subject.place,
        "folder": folder,
        "prediction": prediction.label,
        "probabilities": prediction.probabilities,
        "low_confidence": prediction.low_confidence,
        "explained": model.explained,
        "maps": [_figures(one) for one in done.explanations],
    }


def _figures(one: Explanation) -> dict[str, Any]:
    faith, sanity = one.faithfulness, one.sanity
    return {
        "method": one.method,
        "class": one.target,
        "probability": one.probability,
        "signed": one.signed,
        "sum": float(one.map.sum()),
        "constant": one.constant,
        "empty": one.empty,
        "faithfulness": faith
        and {
            "deletion_auc": faith.deletion,
            "insertion_auc": faith.insertion,
            "random_deletion_auc": list(faith.chance.deletion),
            "random_insertion_auc": list(faith.chance.insertion),
            "random_smoothness_blocks": faith.chance.smoothness,
            "gain": faith.gain,
            "spread": faith.spread,
        },
        "sanity": sanity and {"rank_correlation": sanity.likeness, "passed": sanity.passed},
    }
