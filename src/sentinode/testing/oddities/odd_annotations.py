"""Odd annotations: exports of several versions of QuPath, tumour without an area or a name, files of no slide."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sentinode.slides.annotations.annotation_file import read_annotations
from sentinode.slides.annotations.annotation_folder import AnnotationFolder
from sentinode.slides.slide_names import SlideNames
from sentinode.testing.oddities.oddity import MisreadError, Oddity

_SLIDES = SlideNames(["B.tif", "C.tif"])
_RING = [[10, 10], [40, 10], [40, 30], [10, 30], [10, 10]]
_SQUARE = {"type": "Polygon", "coordinates": [_RING]}
_CELL = {"type": "Polygon", "coordinates": [[[90, 90], [94, 90], [94, 94], [90, 94], [90, 90]]]}
_LINE = {"type": "LineString", "coordinates": _RING}
_AREA = 600.0
_ASAP = (
    '<?xml version="1.0"{}?><ASAP_Annotations><Annotations><Annotation Name="ä" Type="Polygon" PartOfGroup="Tumor">'
    '<Coordinates>{}</Coordinates></Annotation></Annotations></ASAP_Annotations>'
)  # fmt: skip
_NAMED = "no region is called tumour"


def _feature(geometry: Any = _SQUARE, name: str = "Tumor", *, children: Sequence[Any] = (), **more: str) -> Any:
    top = {"id": more.pop("id")} if "id" in more else {}
    properties = {"classification": {"name": name}} if name else {}
    inside = {"childObjects": list(children)} if children else {}
    return {"type": "Feature", **top, "geometry": geometry, "properties": {**properties, **more}, **inside}


def _asap(places: Sequence[Sequence[object]] = _RING, declared: str = "") -> str:
    drawn = (f'<Coordinate Order="{order}" X="{x}" Y="{y}"/>' for order, (x, y) in enumerate(places))
    return _ASAP.format(declared, "".join(drawn))


def _read(folder: Path) -> None:
    """The annotation of slide B is to be one tumour of `_AREA`, and slide C to have none."""
    files = AnnotationFolder(folder, _SLIDES)
    mine, others = files.of("B"), files.of("C")
    if mine is None or others is not None or files.unused:
        raise MisreadError(f"B has {mine}, C {others}, no slide {files.unused}")
    drawn = read_annotations(mine)
    drawn.check_tumour()
    if drawn.tumour.area != _AREA:
        raise MisreadError(f"{drawn.tumour.area:g} px² of tumour were read, {_AREA:g} drawn")


def _read_unused(folder: Path) -> None:
    """The only file belongs to no slide, and that is to be known."""
    files = AnnotationFolder(folder, _SLIDES)
    if (files.of("B"), files.of("C"), [path.parent for path in files.unused]) != (None, None, [folder]):
        raise MisreadError(f"B has {files.of('B')}, C {files.of('C')}; {files.unused} are said to be of no slide")


def _drawn(name: str, about: str, *features: Any, file: str = "B.geojson", refusal: str = "") -> Oddity:
    def write(folder: Path) -> None:
        (folder / file).write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")

    return Oddity(f"annotations/{name}", about, write, _read, refusal)


def _unused(name: str, about: str, file: str) -> Oddity:
    def write(folder: Path) -> None:
        (folder / file).write_text("[]", encoding="utf-8")

    return Oddity(f"annotations/{name}", about, write, _read_unused)


def _files(name: str, about: str, *files: str, encoding: str = "utf-8", refusal: str = "", **asap: Any) -> Oddity:
    def write(folder: Path) -> None:
        for file in files:
            (folder / file).parent.mkdir(exist_ok=True)
            (folder / file).write_text(_asap(**asap), encoding=encoding)

    return Oddity(f"annotations/{name}", about, write, _read, refusal)


ANNOTATIONS: tuple[Oddity, ...] = (
    _drawn(
        "qupath-0.2",
        "cells beside an annotation, told apart by their ids",
        _feature(id="PathAnnotationObject"),
        _feature(_CELL, id="PathCellObject"),
        _feature(_CELL, id="PathTileObject"),
    ),
    _drawn(
        "qupath-0.3",
        "cells beside an annotation, told apart by object_type",
        _feature(object_type="annotation"),
        _feature(_CELL, object_type="cell"),
    ),
    _drawn(
        "qupath-0.4",
        "cells beside an annotation, told apart by objectType",
        _feature(objectType="annotation"),
        _feature(_CELL, objectType="detection"),
    ),
    _drawn(
        "child-objects",
        "tumour inside the object of the whole slide",
        _feature(_CELL, "", objectType="root", children=[_feature(objectType="annotation")]),
    ),
    _drawn(
        "collection",
        "an area in a GeometryCollection",
        _feature({"type": "GeometryCollection", "geometries": [_SQUARE]}),
    ),
    _drawn(
        "tumour-as-a-line", "tumour drawn as a line", _feature(_LINE), refusal="drawn as LineString, which has no area"
    ),
    _drawn(
        "tumour-as-points",
        "tumour drawn as points",
        _feature({"type": "MultiPoint", "coordinates": _RING}),
        refusal="drawn as MultiPoint",
    ),
    _drawn(
        "outline-and-line",
        "tumour drawn as an area and as a line",
        _feature(),
        _feature(_LINE),
        refusal="drawn as LineString",
    ),
    _drawn(
        "empty-collection",
        "tumour drawn as an empty collection",
        _feature({"type": "GeometryCollection", "geometries": []}),
        refusal="drawn as GeometryCollection",
    ),
    _drawn("no-class", "an area without a class", _feature(name=""), refusal=_NAMED),
    _drawn("another-class", "tumour under another name", _feature(name="Carcinoma"), refusal=f"{_NAMED}.*Carcinoma"),
    _drawn("kept-suffix", "a file that keeps the slide's suffix", _feature(), file="B.tif.geojson"),
    _drawn("another-case", "a file in another case of letters", _feature(), file="b.GeoJSON"),
    _unused("no-slide", "a file whose name is no slide's", "B1.geojson"),
    _unused("another-form", "a file of a form that is not known", "B.ndpa"),
    _files("two-files", "two files for one slide", "B.xml", "B.tif.xml", refusal="B.tif.xml, B.xml for one slide"),
    _files(
        "leavings",
        "what a ZIP of macOS and a file server leave",
        "B.xml",
        "._B.xml",
        "__MACOSX/B.xml",
        "@eaDir/C.xml",
        "Thumbs.db",
    ),
    _files("utf-16", "XML in UTF-16", "B.xml", encoding="utf-16", declared=' encoding="utf-16"'),
    _files("crossing", "a line that runs over its own beginning", "B.xml", places=[*_RING, [25, 10]]),
    _files(
        "not-finite",
        "a coordinate that is no number",
        "B.xml",
        places=[*_RING[:3], ["nan", 30]],
        refusal="not a finite number",
    ),
)
