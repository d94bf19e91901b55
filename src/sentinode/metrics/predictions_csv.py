"""`predictions.csv`: one row a sample, what was true, what the model said, and how sure it was.

Columns: id, path, group, label, prediction, one `p_<class>` for each class, confidence, low_confidence (true or false).
`confidence` is the probability of the predicted class; at a threshold below 0.5 it can be below 0.5.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from sentinode.core.csv_output import write_csv
from sentinode.core.csv_table import read_exactly
from sentinode.core.decision import LowConfidenceBand
from sentinode.core.errors import DataNotFoundError, EvaluationError
from sentinode.core.messages import plural
from sentinode.metrics.predictions import Predictions

_PREFIX = "p_"
_BEFORE = ("id", "path", "group", "label", "prediction")
_AFTER = ("confidence", "low_confidence")


def write_predictions(
    path: Path, predictions: Predictions, threshold: float | None, band: LowConfidenceBand | None = None
) -> None:
    """Write `predictions` to `path`, row by row, whole or not at all.

    Probabilities have nine significant digits, which give every float32 back exactly. Without a band, `low_confidence`
    is empty.

    Raises:
        StorageError: The disk is full or the folder can't be written.
    """
    header = [*_BEFORE, *(_PREFIX + name for name in predictions.class_names), *_AFTER]
    write_csv(path, header, _rows(predictions, threshold, band))


def read_predictions(path: Path, positive: str | None) -> Predictions:
    """Read what `write_predictions` wrote; the decisions in it are not read, they follow from the probabilities.

    Args:
        path: The file.
        positive: Name of the positive class; None exactly when there are more than two.

    Raises:
        DataNotFoundError: There is no such file.
        EvaluationError: A column is missing, or a value is not what its column says.
    """
    if not path.is_file():
        raise DataNotFoundError(f"{path} is not there; give the predictions.csv that `sentinode evaluate` wrote")
    lines = read_exactly(path)
    header = lines[0][1] if lines else []
    names = [column.removeprefix(_PREFIX) for column in header if column.startswith(_PREFIX)]
    expected = [*_BEFORE, *(_PREFIX + name for name in names), *_AFTER]
    if header != expected or len(names) < 2:
        message = f"{path} has columns {header}; expected {[*_BEFORE, 'p_<class> …', *_AFTER]}, two classes or more"
        raise EvaluationError(message)
    if positive is not None and positive not in names:
        raise EvaluationError(f"{path} has no class {positive!r}; it has {names}")
    return _parsed(path, lines[1:], names, positive)


def _rows(predictions: Predictions, threshold: float | None, band: LowConfidenceBand | None) -> Iterator[Sequence[str]]:
    names = predictions.class_names
    groups = predictions.groups or [""] * len(predictions)
    decisions = predictions.decisions(threshold, band)
    flags = [""] * len(predictions) if band is None else np.where(decisions.low_confidence, "true", "false").tolist()
    for index, sample in enumerate(predictions.ids):
        yield [
            sample,
            predictions.paths[index],
            groups[index],
            names[predictions.labels[index]],
            names[decisions.classes[index]],
            *(f"{value:.9g}" for value in predictions.probabilities[index]),
            f"{decisions.confidences[index]:.9g}",
            flags[index],
        ]


def _parsed(path: Path, lines: Iterable[tuple[int, list[str]]], names: list[str], positive: str | None) -> Predictions:
    ids, paths, groups, labels, probabilities = [], [], [], [], []
    width = len(_BEFORE) + len(names) + len(_AFTER)
    for line, row in lines:
        if len(row) != width:
            raise EvaluationError(
                f"{path}, line {line}: {plural(len(row), 'value')} for {width} columns; is the file truncated?"
            )
        if row[3] not in names:
            raise EvaluationError(f"{path}, line {line}: label {row[3]!r} is none of {names}")
        try:
            probabilities.append([float(value) for value in row[len(_BEFORE) : len(_BEFORE) + len(names)]])
        except ValueError as error:
            raise EvaluationError(f"{path}, line {line}: a probability is no number ({error})") from error
        ids.append(row[0])
        paths.append(row[1])
        groups.append(row[2])
        labels.append(names.index(row[3]))
    index = None if positive is None else names.index(positive)
    known = groups if any(groups) else None
    return Predictions(ids, paths, np.array(labels), np.array(probabilities), tuple(names), index, known)
