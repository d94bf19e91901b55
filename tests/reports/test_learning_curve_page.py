"""The page of a learning curve: what it says of more images, and its pictures."""

import dataclasses
import re
import xml.etree.ElementTree as ElementTree

from helpers.learning_curves import AUCS, make_curve
from sentinode.reports.charts.learning_curve_chart import curve_chart, curve_picture
from sentinode.reports.frame import Context
from sentinode.reports.learning_curve_page import write_curve_page


def _page(curve, path) -> str:
    write_curve_page(
        curve, Context(data="folder:x", split="test", notes=("A note.",), model="Forest on <colour>"), path
    )
    return path.read_text(encoding="utf-8")


def test_the_page_says_whether_more_images_helped(tmp_path):
    html = _page(make_curve(), tmp_path / "page.html")
    assert "AUC rises by 10.0 points" in html
    flat = {**AUCS, 1.0: (0.805, 0.80, 0.82)}
    html = _page(make_curve(flat), tmp_path / "page.html")
    assert "rises by 0.5 points" in html
    assert "at 501 images the seeds differ by 2.0 points" in html
    falling = {**AUCS, 1.0: (0.70, 0.69, 0.71)}
    assert "falls by 10.0 points" in _page(make_curve(falling), tmp_path / "page.html")
    html = _page(make_curve({0.5: (0.8,), 1.0: (0.9,)}), tmp_path / "page.html")
    assert "with one seed nothing" in html
    assert "With 1,000 training images (100" in _page(make_curve({1.0: (0.9,)}), tmp_path / "page.html")


def test_the_page_is_self_contained_and_escaped(tmp_path):
    html = _page(make_curve(groups=4), tmp_path / "page.html")
    assert html == _page(make_curve(groups=4), tmp_path / "page.html")
    assert not re.findall(r'(?:src|href)="(?!#)', html)
    assert "<colour>" not in html
    assert "A note." in html
    assert ">Groups<" in html
    assert ">Groups<" not in _page(make_curve(), tmp_path / "page.html")


def test_an_undefined_figure_is_said(tmp_path):
    curve = make_curve({0.5: (None, None), 1.0: (None, None)})
    assert "a class has no sample." in _page(curve, tmp_path / "page.html")


def test_pictures_have_the_figures_in_words():
    curve = make_curve()
    for chart in (curve_chart(curve, "auc"), curve_picture(curve)):
        ElementTree.fromstring(chart.svg())
        assert "1,000 images 0.900 (0.890 to 0.910)" in chart.alt
    many = dataclasses.replace(curve, positive=None)
    assert curve_chart(many, "auc").alt.startswith("Macro AUC by number of training images")
