"""Which slides tiles are drawn from, and what is known of each: tumour or normal, patient, split, annotation."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sentinode.core.errors import DataError
from sentinode.core.messages import agree, plural
from sentinode.data.source import Exclusion
from sentinode.data.source_splits import split_of_name
from sentinode.data.tiles.slide_table import SlideRow, read_slide_tables
from sentinode.data.tiles.truth import by_kind
from sentinode.slides.annotations.annotation_file import read_annotations
from sentinode.slides.annotations.annotation_folder import AnnotationFolder, files_of, unused_note
from sentinode.slides.annotations.camelyon import is_partly_annotated, is_wrong, known_trap, named_slide, patient_of
from sentinode.slides.annotations.regions import REJECTED
from sentinode.slides.slide_list import list_slides
from sentinode.slides.slide_names import SlideNames

_SHOWN = 3
# Where CAMELYON16 keeps slides and annotations: as the challenge packed it, and as the open-data mirrors do.
_SLIDE_FOLDERS = ("training/normal", "training/tumor", "testing/images", "images")
_ANNOTATION_FOLDERS = ("training/lesion_annotations", "testing/lesion_annotations", "lesion_annotations", "annotations")
_TABLES = ("slides.csv", "testing/reference.csv", "reference.csv")


@dataclass(frozen=True)
class AnnotatedSlide:
    """One slide to draw from."""

    path: Path
    annotations: tuple[Path, ...]
    """An annotation, a review of a scan, or both; none: the slide is known to have no tumour."""
    group: str
    """Patient, where known; else the slide's name."""
    split: str | None
    """train, validation or test, where layout or table say it."""
    complete: bool
    """Whether an annotation names all of its tumour; of a review the file itself says it."""
    told: bool = False
    """Whether a table says its split, which it then keeps; of a name that says train, validation is cut out."""

    @property
    def name(self) -> str:
        """The file's name without its suffix."""
        return self.path.stem


@dataclass(frozen=True)
class AnnotatedSlides:
    """Slides to draw from, and those that are left out."""

    slides: tuple[AnnotatedSlide, ...]
    left_out: tuple[Exclusion, ...] = ()
    notes: tuple[str, ...] = ()
    """Annotation files and lines of the table that belong to none of them."""


def list_annotated_slides(
    paths: Sequence[Path], annotations: Sequence[Path], table: Path | None = None, *, normal: bool = False
) -> AnnotatedSlides:
    """Find the slides, and what is known of each.

    A slide is normal where a table says so, where its name does in CAMELYON16's way (normal_001), or, with `normal`,
    where it has no annotation file. Where every slide is named so, the names tell training from test slides, too.

    Args:
        paths: Slide files, folders of them, or CAMELYON16's folder with `training/` and `testing/`.
        annotations: Folders with NAME.xml, NAME.geojson or NAME.json; those of CAMELYON16's folder are found.
        table: CSV, see `sentinode.data.tiles.slide_table`; None: `slides.csv` or `reference.csv` among the slides.
        normal: Slides without an annotation file are normal.

    Raises:
        SlideNotFoundError: There is no slide.
        DataError: It is not known whether a slide has tumour, or two things that are known contradict each other.
    """
    files = list_slides([inner for path in paths for inner in _slide_folders(path)])
    folders = [*annotations, *(inner for path in paths for inner in _existing(path, _ANNOTATION_FOLDERS))]
    if not annotations:
        folders += sorted({file.parent for file in files})
    tables = [table] if table else [found for path in paths for found in _existing(path, _TABLES)]
    names = SlideNames(file.name for file in files)
    places = [AnnotationFolder(folder, names) for folder in folders]
    said = read_slide_tables(tables, names)
    by_name = all(named_slide(file.stem) for file in files)
    unknown, slides, left_out = [], [], []
    for file in files:
        found = _known(file, _annotations(places, file.stem), said.rows.get(file.stem), normal=normal, by_name=by_name)
        if found is None:
            unknown.append(file.stem)
        elif isinstance(found, Exclusion):
            left_out.append(found)
        else:
            slides.append(found)
    _check_known(unknown, folders)
    _check_splits(slides)
    notes = (unused_note(map(str, (file for place in places for file in place.unused))), unused_note(said.unused))
    return AnnotatedSlides(tuple(slides), tuple(left_out), tuple(note for note in notes if note))


def _slide_folders(path: Path) -> list[Path]:
    return _existing(path, _SLIDE_FOLDERS) or [path]


def _existing(path: Path, inner: Sequence[str]) -> list[Path]:
    return [path / name for name in inner if (path / name).exists()]


def _annotations(folders: Sequence[AnnotationFolder], name: str) -> tuple[Path, ...]:
    found = files_of(folders, name)
    if len(found) > 1:
        by_kind(found)  # refuses two of a kind now, before the first slide is drawn from
    return found


def _known(
    file: Path, annotations: tuple[Path, ...], row: SlideRow | None, *, normal: bool, by_name: bool
) -> AnnotatedSlide | Exclusion | None:
    """The slide with what is known of it; an exclusion; None where it is not known whether it has tumour."""
    named = named_slide(file.stem)
    tumour = row.tumour if row and row.tumour is not None else not named.normal if named and named.normal else None
    if is_wrong(file.stem):
        return Exclusion("known to be wrong", file.stem, known_trap(file.stem) or "")
    if not annotations:
        if tumour or (tumour is None and named is not None and named.normal is False):
            return Exclusion("has tumour, but no annotation", file.stem, "where its tumour is is not known")
        if tumour is None and not normal:
            return None
    elif tumour is False:
        _check_empty(annotations, file.stem)
        annotations = ()
    return AnnotatedSlide(
        path=file,
        annotations=annotations,
        group=(row.group if row else "") or patient_of(file.stem) or file.stem,
        split=_split_of(row.split if row else "", file.stem) or (named.split if named and by_name else None),
        complete=not is_partly_annotated(file.stem) if row is None or row.complete is None else row.complete,
        told=bool(row and row.split),
    )


def _check_empty(annotations: tuple[Path, ...], name: str) -> None:
    for file in annotations:
        if any(region.kind != REJECTED for region in read_annotations(file).regions):
            raise DataError(f"slide {name} is said to be normal, but {file} has regions; correct one of them")


def _split_of(said: str, name: str) -> str | None:
    if not said:
        return None
    split = split_of_name(said)
    if split is None:
        raise DataError(f"slide {name} has the split {said!r} in its table; write train, validation or test")
    return split


def _check_known(unknown: list[str], folders: Sequence[Path]) -> None:
    if unknown:
        more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
        places = ", ".join(map(str, folders)) or "no folder of annotations"
        raise DataError(
            f"{agree(len(unknown), 'slide has', 'slides have')} no annotation in {places}, and nothing says "
            "that they are normal: "
            f"{', '.join(unknown[:_SHOWN])}{more}; add the annotations, give a --table with the columns slide,label, "
            "or say --normal if every slide without an annotation is free of tumour"
        )


def _check_splits(slides: list[AnnotatedSlide]) -> None:
    without = [slide.name for slide in slides if slide.split is None]
    if without and len(without) < len(slides):
        raise DataError(
            f"{len(without)} of {plural(len(slides), 'slide')} without a split, such as {without[0]}, and others with "
            "one; name it for all in a --table, or for none"
        )
