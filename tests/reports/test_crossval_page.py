"""The page and the tables of a cross-validation."""

import csv
import dataclasses
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sentinode.metrics.crossval.fold_answers import FoldAnswers
from sentinode.metrics.crossval.permutation import permutation_test
from sentinode.metrics.crossval.summary import CrossValidation, summarise
from sentinode.reports import crossval_wording
from sentinode.reports.crossval_csv import write_folds, write_out_of_fold
from sentinode.reports.crossval_page import hard_samples, write_crossval_page
from sentinode.reports.frame import Context


def make(n: int = 38, repeats: int = 4, signal: float = 1.5, classes: int = 2, folds: int = 5) -> FoldAnswers:
    rng = np.random.default_rng(2)
    labels = np.arange(n) % classes
    logits = rng.normal(0, 1, (n, classes)) + signal * np.eye(classes)[labels]
    logits = logits + rng.normal(0, 0.3, (repeats, n, classes))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    names = ("normal", "<b>tumour", "other")[:classes]
    ids = [f"image-{number}" for number in range(n)]
    where = np.tile(np.arange(n) // classes % folds, (repeats, 1))
    thresholds = np.full((repeats, folds), 0.4) if classes == 2 else None
    return FoldAnswers(ids, ids, labels, probabilities, where, thresholds, names, 1 if classes == 2 else None)


def summary_of(answers: FoldAnswers, shufflings: int = 30) -> CrossValidation:
    test = permutation_test(0.9, np.random.default_rng(0).normal(0.5, 0.1, shufflings).tolist(), "Done again.")
    return summarise(
        answers, plan="5-fold", bar="auc>=0.8", permutation=test if shufflings else None, targets=("auc>=0.5",),
        resamples=50,
    )  # fmt: skip


def written(answers: FoldAnswers, summary: CrossValidation, folder: Path) -> str:
    context = Context(model="logistic", data="folder:<x>", method=("Scaled.",))
    write_crossval_page(summary, answers, context, folder / "report.html", chosen=(("C = 0.1", 20),))
    return (folder / "report.html").read_text(encoding="utf-8")


def test_the_page_has_every_section_picture_and_alternative_text(tmp_path: Path) -> None:
    answers = make()
    page = written(answers, summary_of(answers), tmp_path)
    sections = re.findall(r'<section id="([a-z]+)"', page)
    assert sections == [
        "summary",
        "folds",
        "stability",
        "chance",
        "figures",
        "images",
        "procedure",
        "limits",
        "provenance",
    ]
    assert sections == re.findall(r'<a href="#([a-z]+)"', page)
    alts = re.findall(r'<svg class="chart" role="img" aria-label="([^"]+)"', page)
    assert len(alts) == 4
    assert "AUC of 20 folds in 4 repeats" in alts[0]
    assert "<b>tumour" not in page
    assert "<script" not in page
    assert not re.search(r'(?:src|href)="https?:', page)
    assert page == written(answers, summary_of(answers), tmp_path)


@pytest.mark.parametrize("change", ["one repeat", "no permutation", "three classes", "one class a fold"])
def test_what_is_not_there_is_left_out(change: str, tmp_path: Path) -> None:
    answers = {
        "one repeat": lambda: make(repeats=1),
        "no permutation": make,
        "three classes": lambda: make(n=45, classes=3),
        "one class a fold": lambda: replace(
            make(), folds=np.tile(np.arange(38), (4, 1)), thresholds=np.full((4, 38), 0.4)
        ),
    }[change]()
    page = written(answers, summary_of(answers, 0 if change == "no permutation" else 30), tmp_path)
    assert ("Shuffled labels" in page) == (change != "no permutation")
    assert ("Over the repeats" in page) == (change != "one repeat")
    assert ("Sensitivity" in page) == (change != "three classes")
    assert ("AUC of every fold" in page) == (change != "one class a fold")


def test_words_say_what_so_few_images_can_show() -> None:
    answers = make(signal=0.0)
    chance = " ".join(crossval_wording.power_words(summary_of(answers), "image"))
    assert "no better than guessing" in chance
    assert re.search(r"about [\d,]+ images", chance)
    good = " ".join(crossval_wording.power_words(summary_of(make(n=80, signal=2.5)), "image"))
    assert "The interval lies above 0.5" in good
    assert "of the 5 folds" in crossval_wording.bar_words(summary_of(make()))


def test_hard_samples_are_those_called_wrong_most_often() -> None:
    answers = make()
    wrong = (answers.decided() != answers.labels).sum(axis=0)
    hard = hard_samples(answers, most=3)
    assert [sample.wrong for sample in hard] == sorted(wrong.tolist(), reverse=True)[:3]
    assert all(sample.label == answers.class_names[answers.labels[answers.ids.index(sample.id)]] for sample in hard)


def test_tables_have_a_row_for_every_fold_and_every_answer(tmp_path: Path) -> None:
    answers = make()
    summary = summary_of(answers)
    write_folds(tmp_path / "folds.csv", summary.per_fold, [{"C": 0.1}] * 20)
    write_out_of_fold(tmp_path / "predictions.csv", answers)
    folds, rows = (
        list(csv.DictReader((tmp_path / name).read_text(encoding="utf-8").splitlines()))
        for name in ("folds.csv", "predictions.csv")
    )
    assert (len(folds), len(rows)) == (20, 4 * 38)
    assert float(folds[7]["auc"]) == pytest.approx(summary.per_fold[7].auc)
    assert folds[0]["C"] == "0.1"
    assert float(rows[40]["p_normal"]) == pytest.approx(answers.probabilities[1, 2, 0])
    assert rows[40]["prediction"] == answers.class_names[answers.decided()[1, 2]]


def test_classes_called_0_and_1_are_told_as_classes(tmp_path: Path) -> None:
    answers = dataclasses.replace(make(), class_names=("0", "1"))
    page = written(answers, summary_of(answers), tmp_path)
    assert "Shown an image of class 1 and one of class 0" in page
    assert "19 class 0 and 19 class 1" in page
    assert "AUC, ranked across folds" in page
    assert "Auc pooled" not in page
