"""The tables of a cross-validation: `folds.csv`, a row a fold, and `predictions.csv`, a row a sample and repeat."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sentinode.core.csv_output import write_csv
from sentinode.metrics.crossval.fold_answers import FoldAnswers, FoldFigures


def write_folds(path: Path, folds: Sequence[FoldFigures], details: Sequence[Mapping[str, Any]]) -> None:
    """Write every fold's figures, and beside them what the caller knows of it (parameters, inner folds).

    Args:
        path: The file.
        folds: The figures.
        details: One mapping a fold, all with the same keys.

    Raises:
        StorageError: The disk is full or the folder can't be written.
    """
    names = FoldFigures.columns()
    rows = (
        [*(_text(getattr(figures, name)) for name in names), *map(_text, known.values())]
        for figures, known in zip(folds, details, strict=True)
    )
    write_csv(path, [*names, *(details[0] if details else ())], rows)


def write_out_of_fold(path: Path, answers: FoldAnswers) -> None:
    """Write every answer: repeat, fold, id, path, group, label, prediction, threshold, a `p_` column for each class.

    Probabilities have nine significant digits.

    Raises:
        StorageError: The disk is full or the folder can't be written.
    """
    head = ["repeat", "fold", "id", "path", "group", "label", "prediction", "threshold"]
    write_csv(path, [*head, *(f"p_{name}" for name in answers.class_names)], _answers(answers))


def _answers(answers: FoldAnswers) -> Iterator[list[object]]:
    names, groups = answers.class_names, answers.groups or [""] * len(answers.ids)
    decided = answers.decided()
    for repeat in range(answers.repeats):
        for row, sample in enumerate(answers.ids):
            fold = answers.folds[repeat, row]
            yield [
                repeat + 1,
                fold + 1,
                sample,
                answers.paths[row],
                groups[row],
                names[answers.labels[row]],
                names[decided[repeat, row]],
                "" if answers.thresholds is None else _text(float(answers.thresholds[repeat, fold])),
                *map(_text, answers.probabilities[repeat, row].tolist()),
            ]


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.9g}" if isinstance(value, float) else str(value)
