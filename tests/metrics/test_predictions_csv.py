import csv

import numpy as np
import pytest

from sentinode.core.decision import LowConfidenceBand
from sentinode.core.errors import DataNotFoundError, EvaluationError
from sentinode.metrics.predictions import Predictions
from sentinode.metrics.predictions_csv import read_predictions, write_predictions


def answers(groups=("s1", "s1", ""), names=("normal", "tumour")):
    probabilities = np.array([[0.9, 0.1], [1 / 3, 2 / 3], [0.55, 0.45]], dtype=np.float32)
    return Predictions(
        ["a", 'b,"1"', "ü\nc"],
        ["x/a.jpg", "", "y z.png"],
        np.array([0, 1, 1]),
        probabilities,
        names,
        1,
        list(groups) if groups else None,
    )


def test_the_columns_and_rows(tmp_path):
    path = tmp_path / "new" / "predictions.csv"
    write_predictions(path, answers(), 0.4, LowConfidenceBand(0.3, 0.5, "score"))
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    expected = ["id", "path", "group", "label", "prediction", "p_normal", "p_tumour", "confidence", "low_confidence"]
    assert header == expected
    assert rows[0] == ["a", "x/a.jpg", "s1", "normal", "normal", "0.899999976", "0.100000001", "0.899999976", "false"]
    assert rows[2][3:5] == ["tumour", "tumour"]
    assert rows[2][-2:] == ["0.449999988", "true"]
    assert [file.name for file in path.parent.iterdir()] == ["predictions.csv"]


@pytest.mark.parametrize("groups", [("s1", "s1", ""), None])
def test_what_was_written_is_read_back_to_the_bit(tmp_path, groups):
    written = answers(groups)
    write_predictions(tmp_path / "p.csv", written, 0.5)
    read = read_predictions(tmp_path / "p.csv", "tumour")
    assert (read.ids, read.paths, read.groups) == (written.ids, written.paths, written.groups)
    assert (read.class_names, read.positive) == (written.class_names, written.positive)
    assert read.labels.tolist() == written.labels.tolist()
    assert (read.probabilities.astype(np.float32) == written.probabilities.astype(np.float32)).all()


def test_more_classes(tmp_path):
    written = Predictions(
        ["a", "b"], ["", ""], np.array([2, 0]), np.array([[0.1, 0.2, 0.7], [0.3, 0.4, 0.3]]), tuple("xyz")
    )
    write_predictions(tmp_path / "p.csv", written, None)
    read = read_predictions(tmp_path / "p.csv", None)
    assert read.class_names == ("x", "y", "z")
    assert read.positive is None
    assert read.probabilities.tolist() == written.probabilities.tolist()


def test_a_broken_row_leaves_no_file(tmp_path):
    class Broken(list):
        def __getitem__(self, index):
            raise OSError(28, "No space left on device")

    written = answers(None)
    object.__setattr__(written, "paths", Broken(written.paths))
    with pytest.raises(OSError, match="no space left"):
        write_predictions(tmp_path / "p.csv", written, 0.5)
    assert list(tmp_path.iterdir()) == []


HEADER = "id,path,group,label,prediction,p_normal,p_tumour,confidence,low_confidence\n"


@pytest.mark.parametrize(
    ("text", "positive", "message"),
    [
        ("", "tumour", r"has columns \[\]"),
        (HEADER.replace("label,", ""), "tumour", "has columns .* two classes or more"),
        (HEADER.replace(",p_tumour", ""), "normal", "two classes or more"),
        (HEADER + "a,,,normal,normal,0.9,0.1,0.9,\n", "cancer", "has no class 'cancer'"),
        (HEADER + "a,,,normal,normal,0.9,0.1,0.9,\nb,,,tum", "tumour", "line 3: 4 values for 9 columns"),
        (HEADER + "a,,,benign,normal,0.9,0.1,0.9,\n", "tumour", "line 2: label 'benign' is none of"),
        (HEADER + "a,,,normal,normal,high,0.1,0.9,\n", "tumour", "line 2: a probability is no number"),
        (HEADER, "tumour", "no predictions"),
        (HEADER + "a,,,normal,normal,0.9,0.1,0.9,\n", None, "positive is None for 2 classes"),
    ],
)
def test_what_is_no_predictions_file(tmp_path, text, positive, message):
    path = tmp_path / "p.csv"
    path.write_text(text)
    with pytest.raises(EvaluationError, match=message):
        read_predictions(path, positive)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataNotFoundError, match=r"p\.csv is not there"):
        read_predictions(tmp_path / "p.csv", "tumour")
