"""`sentinode explain`: maps of what a model looks at, with what checks them."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentinode.cli.options import AsJson, Engine, Quiet, answer, progress, say, warn
from sentinode.core.errors import SentinodeError
from sentinode.core.settings import Settings

if TYPE_CHECKING:
    from sentinode.explanation.explainable_model import ExplainableModel
    from sentinode.explanation.subject import Subject
    from sentinode.models.prediction import Failure

DONE_IN_PART = 1


def explain(
    bundle: Annotated[str, typer.Argument(help="A bundle's folder, or a shipped name: pcam.")],
    out: Annotated[Path, typer.Option(help="Folder for the page, the overlays and the maps.")],
    images: Annotated[list[str] | None, typer.Argument(help="Image files, folders or glob patterns.")] = None,
    method: Annotated[
        str,
        typer.Option(
            help="One or more, with commas: gradcam, gradcam++, layercam, cam, saliency, integrated-gradients, "
            "occlusion, lime, attention-rollout."
        ),
    ] = "gradcam",
    target: Annotated[str | None, typer.Option(help="The class to explain; without: the positive one.")] = None,
    layer: Annotated[str | None, typer.Option(help="Of Grad-CAM and LayerCAM; without: the architecture's.")] = None,
    checks: Annotated[
        bool, typer.Option("--checks/--no-checks", help="Measure how far each map is to be trusted.")
    ] = True,
    single_look: Annotated[
        bool, typer.Option("--single-look", help="Explain one look, without test-time averaging: faster.")
    ] = False,
    resize: Annotated[bool, typer.Option("--resize", help="Accept images of another size and resize them.")] = False,
    slide: Annotated[Path | None, typer.Option(help="A slide to take tiles from.")] = None,
    at: Annotated[
        list[str] | None, typer.Option(metavar="X,Y", help="Centre of a tile, level-0 pixels. Repeatable.")
    ] = None,
    scan: Annotated[Path | None, typer.Option(help="A scan folder of the slide: its top lesions.")] = None,
    top: Annotated[int, typer.Option(min=1, help="Of the scan's lesions, how many.")] = 5,
    mpp: Annotated[float | None, typer.Option(help="µm/px of level 0, in place of what the slide says.")] = None,
    engine: Engine = "auto",
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> int:
    """Show what speaks for a class in an image, and how far the map is to be trusted.

    An image that can't be read does not stop the rest: it is listed at the end, and the exit status is 1.
    """
    from sentinode.core.extras import require

    require("torch", extra="explain")
    require("captum", extra="explain")
    from sentinode.explanation.explainable_model import open_model
    from sentinode.explanation.explanation import Examiner, class_number
    from sentinode.explanation.methods import method_named, method_of
    from sentinode.models.bundle import open_bundle
    from sentinode.models.prediction import Failure
    from sentinode.studies.explanation_study import PAGE, check_place, write_explanations

    if bool(images) == bool(slide):
        raise SentinodeError("give either images, or --slide with --at X,Y or --scan SCAN")
    check_place(out)
    opened = open_bundle(bundle)
    model = open_model(opened, engine=engine, threads=Settings.from_environment().threads, single_look=single_look)
    methods = list(dict.fromkeys(name.strip() for name in method.split(",") if name.strip()))
    for name in methods:
        method_of(model, name)  # a wrong one ends here, before any work
    if layer is not None and not any(method_named(name).layered for name in methods):
        raise SentinodeError(
            f"--layer {layer} is for gradcam, gradcam++ and layercam; leave it out, or add one of them"
        )
    if target is not None:
        class_number(model, target, model.probabilities(opened.example()["tiles"][:1])[0])
    failures: list[Failure] = []
    subjects = (
        _of_slide(model, slide, at or [], scan, top, mpp)
        if slide
        else _of_images(model, images or [], resize, failures)
    )
    with progress(quiet).bar("explaining", len(subjects) * len(methods), "maps") as advance:
        records = write_explanations(
            model, subjects, methods, out, target=target, layer=layer, examiner=Examiner(model) if checks else None,
            advance=advance,
        )  # fmt: skip
    if as_json:
        answer(records)
    else:
        for record in records:
            say(f"{record['prediction']:<10} {Path(record['image']).name} {record['place']}".rstrip())
        say(f"look at   {out / PAGE}")
    for failure in failures:
        warn(f"not explained: {failure.message}")
    return DONE_IN_PART if failures else 0


def _of_images(
    model: "ExplainableModel", images: list[str], resize: bool, failures: "list[Failure]"
) -> "list[Subject]":
    from sentinode.explanation.subject import Subject
    from sentinode.models.prediction import Failure, expand_images, read_tile

    found = []
    for path in expand_images(images):
        tile = read_tile(path, model.engine, resize=resize)
        if isinstance(tile, Failure):
            failures.append(tile)
        else:
            found.append(Subject(path.stem, path, tile))
    if not found:
        raise SentinodeError(f"none of the images can be explained: {failures[0].message}")
    return found


def _of_slide(
    model: "ExplainableModel", path: Path, at: list[str], scan: Path | None, top: int, mpp: float | None
) -> "list[Subject]":
    from sentinode.explanation.subject import Subject
    from sentinode.slides.slide import open_slide

    size = model.info.input
    if bool(at) == bool(scan):
        raise SentinodeError(f"say where to look on {path}: --at X,Y in level-0 pixels, or --scan SCAN")
    with open_slide(path, mpp=mpp) as slide:
        if scan:
            corners = list(_of_scan(slide.name, (slide.width, slide.height), scan, top, size.tile_size))
            tile_mpp = corners[0][3]
        elif size.mpp is None:
            raise SentinodeError(
                f"{model.info.name} does not say the µm/px of its tiles; scan the slide, and use --scan"
            )
        else:
            tile_mpp = size.mpp
            half = tuple(tile_mpp * size.tile_size / own / 2 for own in (slide.mpp.x, slide.mpp.y))
            corners = [(*_corner(text, half, (slide.width, slide.height)), f"at {text}", tile_mpp) for text in at]
        return [
            Subject(
                f"{slide.name}-{x0}-{y0}", path, slide.read_at(tile_mpp, x0, y0, size.tile_size, size.tile_size),
                f"{words}; tile from level-0 ({x0}, {y0}), {tile_mpp:g} µm/px",
            )
            for x0, y0, words, tile_mpp in corners
        ]  # fmt: skip


def _corner(text: str, half: tuple[float, ...], extent: tuple[int, int]) -> tuple[int, int]:
    """The top left corner of the tile around a place, level-0 pixels."""
    try:
        x0, y0 = (int(part) for part in text.split(","))
    except ValueError as error:
        raise SentinodeError(f"--at is {text!r}; give two whole numbers of level-0 pixels: X,Y") from error
    if not (0 <= x0 < extent[0] and 0 <= y0 < extent[1]):
        raise SentinodeError(f"--at {text} lies outside the slide, which is {extent[0]}×{extent[1]} level-0 pixels")
    return round(x0 - half[0]), round(y0 - half[1])


def _of_scan(
    name: str, extent: tuple[int, int], folder: Path, top: int, side: int
) -> Iterator[tuple[int, int, str, float]]:
    """Corner (level-0 pixels), words and µm/px of the strongest tile of each of the scan's first lesions."""
    from sentinode.scanning.lesion_tiles import strongest_tiles
    from sentinode.scanning.scan_record import read_record

    record = read_record(folder)
    if record.slide is None or record.bundle is None or record.status != "finished":
        raise SentinodeError(f"{folder} holds a scan that failed; scan the slide again")
    if record.slide.name != name or (record.slide.width, record.slide.height) != extent:
        raise SentinodeError(
            f"{folder} is a scan of {record.slide.file}, {record.slide.width}×{record.slide.height} px; {name} is "
            f"{extent[0]}×{extent[1]} px; give the slide that was scanned"
        )
    if record.bundle.tile_size_px != side:
        raise SentinodeError(
            f"{folder} was scanned with tiles of {record.bundle.tile_size_px} px, the bundle takes {side} px; give the "
            f"bundle that scanned it, {record.bundle.name}"
        )
    found = strongest_tiles(folder, record, top)
    if not found:
        raise SentinodeError(f"the scan in {folder} found no lesion; choose a place with --at X,Y")
    for one in found:
        words = f"lesion {one.rank} ({one.size_class}), tile score {one.score:.3f}"
        yield one.x0, one.y0, words, record.bundle.mpp
