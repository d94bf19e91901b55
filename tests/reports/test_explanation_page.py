"""The page of explanations is made of what it is handed: pictures, figures and words."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from sentinode.reports.explanation_page import (
    ExplanationContext,
    ImageView,
    MapFaithfulness,
    MapMethod,
    MapView,
    ShuffledMap,
    write_explanation_page,
)

PIXELS = np.zeros((12, 16, 3), np.uint8)
CONTEXT = ExplanationContext(model="pcam", explained="the probability", steps=16, correlation=0.5, shuffled=True)
FAITHFUL = MapFaithfulness(0.2, 0.9, (0.4, 0.6), (0.5, 0.7), 0.6, 0.02, 2)
VIEW = MapView(
    method=MapMethod("Grad-CAM", "Maps of a layer.", signed=False),
    target="<tumour>",
    probability=0.97,
    overlay=PIXELS,
    picture=PIXELS,
    empty=False,
    total=1.5,
    faithfulness=FAITHFUL,
    shuffled=ShuffledMap(PIXELS, 0.1, True),
)


def _page(folder: Path, *views: MapView, context: ExplanationContext = CONTEXT) -> str:
    image = ImageView("a & b", "<tumour>", 0.97, False, PIXELS, views)
    write_explanation_page([image, dataclasses.replace(image, name="c")], context, folder / "index.html")
    return (folder / "index.html").read_text(encoding="utf-8")


def test_every_map_has_its_pictures_and_figures(tmp_path: Path) -> None:
    page = _page(tmp_path, VIEW)
    assert page.count('<img src="data:image/jpeg;base64,') == 8
    assert "random 0.500 ± 0.141" in page
    assert "beats 2 of 2 random orders" in page
    assert "2 of 2</td><td>2 of 2" in page  # better than random, changes with the weights
    assert "rank correlation 0.100" in page


def test_it_is_escaped_and_needs_nothing_else(tmp_path: Path) -> None:
    page = _page(tmp_path, VIEW)
    assert "<tumour>" not in page
    assert "a &amp; b" in page
    assert "http" not in page
    assert "<script" not in page


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"faithfulness": None, "shuffled": None}, "Not measured"),
        ({"empty": True, "shuffled": ShuffledMap(PIXELS, None, None)}, "undetermined: this map is empty"),
        ({"constant": -0.5}, "1.500 + −0.500 = 1.000"),
    ],
)
def test_what_is_missing_is_said(changes: dict[str, object], words: str, tmp_path: Path) -> None:
    assert words in _page(tmp_path, dataclasses.replace(VIEW, **changes))  # type: ignore[arg-type]


def test_a_model_without_weights_is_said(tmp_path: Path) -> None:
    assert "Not for an INT8 bundle" in _page(tmp_path, VIEW, context=dataclasses.replace(CONTEXT, shuffled=False))
