"""Figures: SVG that a page can take in, and PNG."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest

from sentinode.core.metric import Metric
from sentinode.metrics.crossval.fold_answers import FoldFigures
from sentinode.metrics.crossval.summary import RepeatFigures
from sentinode.metrics.measures.roc import precision_recall_curve
from sentinode.reports.charts.chart import COLOURS, HEIGHT, WIDTH, Chart, canvas, per_cent_axis, save_png, ticks_apart
from sentinode.reports.charts.crossval_charts import folds_chart
from sentinode.reports.charts.decision_charts import decision_chart, prevalence_chart, risk_coverage_chart
from sentinode.reports.charts.ranking_charts import (
    precision_recall_chart,
    precision_recall_overlay,
    roc_chart,
    roc_overlay,
)
from sentinode.reports.charts.score_charts import histogram_chart, reliability_chart
from sentinode.reports.charts.training_charts import training_charts, training_curves

LOG = [
    {
        "epoch": epoch,
        "learning_rate": 0.001 / epoch,
        "train_loss": 0.9 / epoch,
        "validation_loss": 0.8 / epoch,
        "validation_auc": 0.9 + epoch / 100,
        "validation_accuracy": 0.8 + epoch / 100,
    }
    for epoch in range(1, 5)
]


def _binary_charts(binary) -> list[Chart]:
    a, p = binary.assessment, binary.predictions
    negatives, positives = (sum(row) for row in a.confusion_matrix)
    at = (a.metrics["sensitivity"], a.metrics["specificity"])
    return [
        roc_chart(a.roc, a.metrics["auc"], positives, negatives, *at),
        precision_recall_chart(a.precision_recall, a.metrics["average_precision"], a.metrics["precision"], at[0]),
        histogram_chart(p.scores, p.truths, ("normal", "tumour"), a.threshold.value, a.low_confidence.band),
        reliability_chart(a.reliability, a.metrics["calibration_error"].value, positive="tumour"),
        prevalence_chart(*at, here=positives / a.n),
        decision_chart(a.decision_curve, positives / a.n),
        risk_coverage_chart(a.risk_coverage, a.low_confidence),
        training_curves(LOG, best_epoch=3),
        *training_charts(LOG, best_epoch=3),
    ]


@pytest.fixture(scope="module")
def drawn(binary) -> dict[str, tuple[Chart, str]]:
    return {chart.name: (chart, chart.svg()) for chart in _binary_charts(binary)}


def test_svg_is_well_formed_and_belongs_into_a_page(drawn):
    assert len(drawn) == 10
    for chart, svg in drawn.values():
        root = ElementTree.fromstring(svg)
        assert root.tag == "svg"
        assert root.get("role") == "img"
        assert root.get("aria-label") == chart.alt
        assert root.get("viewBox")
        assert "http" not in svg
        assert not re.search("<metadata|<style|<!--", svg)


def test_svg_colours_are_variables_and_text_is_text(drawn):
    for _, svg in drawn.values():
        assert not re.search("|".join(COLOURS.values()), svg)
        assert "font-family" not in svg
        assert "<text" in svg
    texts = ElementTree.fromstring(drawn["roc"][1]).iter("text")
    assert "Sensitivity" in [text.text for text in texts]


def test_ids_of_two_figures_never_clash(drawn):
    seen: set[str] = set()
    for chart, svg in drawn.values():
        ids = set(re.findall(r' id="([^"]*)"', svg))
        assert all(name.startswith(f"{chart.name}-") for name in ids)
        assert not ids & seen
        seen |= ids
        referred = set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg))
        assert referred == ids


def test_the_same_numbers_draw_the_same_bytes(binary, drawn):
    again = {chart.name: chart for chart in _binary_charts(binary)}
    assert {name: chart.svg() for name, chart in again.items()} == {name: svg for name, (_, svg) in drawn.items()}
    assert again["roc"].png() == drawn["roc"][0].png()


def test_alt_texts_hold_the_numbers(binary, drawn):
    metrics = binary.assessment.metrics
    assert (
        f"AUC {metrics['auc'].value:.3f} (95\N{NO-BREAK SPACE}% interval {metrics['auc'].low:.3f}"
        in drawn["roc"][0].alt
    )
    assert f"average precision {metrics['average_precision'].value:.3f}" in drawn["precision-recall"][0].alt
    (_, fp), (fn, _) = binary.assessment.confusion_matrix
    assert f"{fn} of tumour, at or above" in drawn["histogram"][0].alt
    assert f" {fp} of normal" in drawn["histogram"][0].alt
    assert "AUC 0.930" in drawn["training-curves"][0].alt  # of the kept epoch


def test_operating_point_lies_where_the_metrics_say(binary):
    a = binary.assessment
    at = (a.metrics["sensitivity"], a.metrics["specificity"])
    axes = roc_chart(a.roc, a.metrics["auc"], 10, 10, *at).figure.axes[0]
    points = [line.get_xydata()[0] for line in axes.lines if len(line.get_xdata()) == 1]
    assert len(points) == 1
    assert points[0] == pytest.approx([1 - at[1].value, at[0].value])


def test_roc_band_holds_the_curve(binary):
    a = binary.assessment
    at = (a.metrics["sensitivity"], a.metrics["specificity"])
    negatives, positives = (sum(row) for row in a.confusion_matrix)
    axes = roc_chart(a.roc, a.metrics["auc"], positives, negatives, *at).figure.axes[0]
    outline = axes.collections[0].get_paths()[0].vertices
    for x, y in zip(a.roc.false_positive_rate, a.roc.sensitivity, strict=True):
        near = outline[np.abs(outline[:, 0] - x) < 1 / 300][:, 1]
        assert near.min() - 1e-9 <= y <= near.max() + 1e-9


def test_histogram_counts_every_sample(binary):
    p = binary.predictions
    axes = histogram_chart(p.scores, p.truths, ("normal", "tumour"), 0.5, None).figure.axes[0]
    heights = np.array([patch.get_height() for patch in axes.patches])
    assert (heights[heights > 0] ** 2).sum() == pytest.approx(p.truths.sum())
    assert (heights[heights < 0] ** 2).sum() == pytest.approx((p.truths == 0).sum())


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a$b^c$d", 'quo"ted & more', "腫瘍", "a\\frac"])
def test_hostile_names_are_drawn_as_they_are(binary, name):
    curve, auc = binary.assessment.roc, binary.assessment.metrics["auc"]
    chart = roc_overlay([(name, curve, auc), ("other", curve, auc)], what="two models")
    svg = chart.svg()
    assert "<script" not in svg
    root = ElementTree.fromstring(svg)
    assert name in (root.get("aria-label") or "")
    shown = name if len(name) <= 24 else name[-23:]
    assert any(shown in (text.text or "") for text in root.iter("text"))


def test_overlay_tells_many_series_apart(binary):
    a = binary.assessment
    curve = precision_recall_curve(binary.predictions.truths, binary.predictions.scores)
    names = [f"model {index}" for index in range(12)]
    for chart in (
        roc_overlay([(name, a.roc, a.metrics["auc"]) for name in names], what="many"),
        precision_recall_overlay([(name, curve, a.metrics["average_precision"]) for name in names]),
    ):
        lines = [line for line in chart.figure.axes[0].lines if line.get_label().startswith("model")]
        assert len({(line.get_color(), str(line.get_linestyle()), str(line._dash_pattern)) for line in lines}) == 12


def test_undefined_figures_leave_their_mark_out(binary):
    a = binary.assessment
    nothing = Metric.undefined("no positive sample")
    chart = roc_chart(a.roc, a.metrics["auc"], 10, 10, nothing, nothing)
    assert "undefined (no positive sample)" in chart.alt
    assert "operating point" not in chart.svg()


@pytest.mark.parametrize("rows", [1, 2, 60])
def test_training_curves_of_short_and_long_runs(rows):
    log = [{**LOG[0], "epoch": epoch} for epoch in range(1, rows + 1)]
    chart = training_curves(log, best_epoch=rows)
    assert len(chart.figure.axes) == 3
    assert chart.figure.axes[0].lines[0].get_xdata()[-1] == rows


def test_png_has_the_size_that_was_asked(tmp_path: Path, drawn):
    path = tmp_path / "new" / "roc.png"
    save_png(drawn["loss"][0], path, scale=2)
    content = path.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(content[16:20]), int.from_bytes(content[20:24])) == (2 * WIDTH, 2 * HEIGHT)
    assert [file.name for file in path.parent.iterdir()] == ["roc.png"]


def test_drawing_leaves_the_users_style_alone():
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    with canvas() as (figure, (axes,)):
        axes.plot([0, 1], [0, 1])
    Chart("line", "A line.", figure).svg()
    assert dict(mpl.rcParams) == before


def _labels(svg: str) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_the_epoch_whose_weights_were_kept_has_the_largest_point():
    with_best, without = (training_charts(LOG, best_epoch=best)[1].svg() for best in (3, None))
    assert with_best.count("M 0 5.5 ") == 2  # a marker of radius 5.5 for each metric, where others have 2
    assert "M 0 5.5 " not in without


def test_every_tick_in_per_cent_is_what_it_says():
    with canvas() as (figure, (axes,)):
        axes.set(ylim=(0, 0.13), yticks=[0, 0.025, 0.05, 0.075, 0.1, 0.125])
        per_cent_axis(axes.yaxis)
        axes.set_xticks([])
    assert _labels(Chart("ticks", "", figure).svg()) == ["0 %", "2.5 %", "5 %", "7.5 %", "10 %", "12.5 %"]


def test_the_axis_of_repeats_has_whole_numbers_even_for_one():
    for repeats in (1, 3, 50):
        numbers = range(1, repeats + 1)
        folds = [FoldFigures(repeat, fold, 8, 4, 0.5, 0.9, 1.0, 0.8, 0.9) for repeat in numbers for fold in (1, 2)]
        figures = [RepeatFigures(repeat, 0.9, 1.0, 0.8, 0.9) for repeat in numbers]
        svg = folds_chart(folds, figures, Metric(0.9, 0.8, 0.95, ""), "auc>=0.8").svg()
        below = [label for label in _labels(svg) if label.isdecimal()]
        assert below
        assert len(below) <= min(repeats, 21)
        assert set(below) <= set(map(str, numbers))
        assert not [label for label in _labels(svg) if re.fullmatch(r"\d\.\d\d", label)]


def test_ticks_that_would_touch_are_left_out():
    assert ticks_apart([1, 2, 3]) == [1, 2, 3]
    assert ticks_apart([0.0001, 0.0002, 0.5, 1]) == [0.0002, 0.5, 1]
    assert ticks_apart([1, 10, 11, 100], log=True) == [1, 11, 100]
    assert ticks_apart([5]) == [5]
