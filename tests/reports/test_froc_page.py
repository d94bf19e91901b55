"""The page of a FROC: self-contained, a row for each slide."""

import numpy as np

from helpers.froc_cohorts import cohort
from sentinode.metrics.froc.curve import froc
from sentinode.metrics.slide_score.slide_auc import slide_auc
from sentinode.reports.frame import Context
from sentinode.reports.froc_page import FrocRow, write_froc_page


def picture(seed):
    return np.random.default_rng(seed).integers(0, 255, (37, 61, 3), dtype=np.uint8)


def test_page_is_self_contained_and_has_every_slide(tmp_path):
    slides = cohort(9)
    rows = [
        FrocRow(slide, 0.9 if slide.tumour else 0.1 * number, picture(1), picture(2), picture(3), note="<kept>")
        for number, slide in enumerate(slides)
    ]
    auc = slide_auc([row.judged.tumour for row in rows], [row.score for row in rows])
    context = Context(
        data="a & b", model="pcam", method=("Cells from 0.5 on, 240 µm apart.",), notes=("Test_114 left out.",)
    )
    write_froc_page(froc(slides, resamples=20), auc, rows, context, tmp_path / "froc.html")
    page = (tmp_path / "froc.html").read_text(encoding="utf-8")
    assert page.count('<img src="data:image/jpeg;base64,') == 27
    assert "http" not in page
    assert "<script" not in page
    assert page.index("<h3>s03</h3>") < page.index("<h3>s01</h3>")  # tumour first
    assert "&lt;kept&gt;" in page
    assert "a &amp; b" in page
    assert "Test_114 left out." in page
    assert page.count('role="img"') == 2


def test_page_without_pictures_or_normal_slides(tmp_path):
    slides = [slide for slide in cohort(9) if slide.tumour]
    rows = [FrocRow(slide, None) for slide in slides]
    context = Context(data="a", model="pcam", method=("Cells from 0.5 on, 240 µm apart.",))
    write_froc_page(froc(slides, resamples=20), slide_auc([], []), rows, context, tmp_path / "froc.html")
    page = (tmp_path / "froc.html").read_text(encoding="utf-8")
    assert "<img" not in page
    assert page.count('role="img"') == 1
