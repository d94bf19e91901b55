"""The page of a model table: every figure, with its picture."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from helpers.model_tables import RESAMPLES, make_candidates
from sentinode.metrics.model_table import ModelTable, tabulate
from sentinode.metrics.predictions import Predictions
from sentinode.reports.charts.model_table_chart import table_chart, table_picture
from sentinode.reports.frame import Context
from sentinode.reports.model_table_page import points, write_table_page


@pytest.fixture(scope="module")
def table(binary) -> ModelTable:
    return tabulate(make_candidates(binary.predictions), resamples=RESAMPLES)


def _page(table: ModelTable, path: Path, notes: tuple[str, ...] = ()) -> str:
    write_table_page(table, Context(data="folder:x", split="test", method=("Fitted on train.",), notes=notes), path)
    return path.read_text(encoding="utf-8")


def test_the_page_has_every_figure_and_is_self_contained(table, tmp_path):
    html = _page(table, tmp_path / "page.html", ("5 of 9 images were drawn.",))
    assert html == _page(table, tmp_path / "page.html", ("5 of 9 images were drawn.",))
    assert "<b>mine" not in html
    assert not re.findall(r'(?:src|href)="(?!#)', html)
    difference = table.rows[3].uplift.differences["auc"]
    for text in ("5 of 9 images were drawn.", "Fitted on train.", f"<td>{points(difference)}</td>"):
        assert text in html
    assert "baseline on validation is chosen" in html
    assert "lucky ranks a little better" in html
    assert len(re.findall(r'role="img" aria-label="[^"]+"', html)) == 2


def test_the_page_of_baselines_alone_and_of_many_classes(many, tmp_path):
    alone = tabulate(make_candidates(many.predictions)[:3], resamples=RESAMPLES)
    html = _page(alone, tmp_path / "page.html")
    assert "What a model has to beat" in html
    assert 'id="uplift"' not in html
    assert "Macro AUC" in html
    for name in many.predictions.class_names:
        assert name in html


def test_a_class_without_samples_is_said(binary, tmp_path):
    only = np.flatnonzero(binary.predictions.labels == 1)[:30]
    one_class = Predictions(
        [str(place) for place in only],
        [""] * len(only),
        binary.predictions.labels[only],
        binary.predictions.probabilities[only],
        binary.predictions.class_names,
        1,
    )
    table = tabulate(make_candidates(one_class), resamples=RESAMPLES)
    assert table.rows[0].metrics["auc"].value is None
    assert "can&#39;t be compared with chosen by AUC: no negative sample" in _page(table, tmp_path / "page.html")


def test_pictures_name_every_model_with_its_figure(table):
    for chart in (table_chart(table, "auc"), table_chart(table, "accuracy"), table_picture(table)):
        ElementTree.fromstring(chart.svg())
        assert all(row.name in chart.alt for row in table.rows)
    assert table_picture(table).png().startswith(b"\x89PNG")
