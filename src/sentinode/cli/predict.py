"""`sentinode predict`: images in, classes out."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentinode.cli.options import Engine, Quiet, progress, say, warn
from sentinode.core.settings import Settings

if TYPE_CHECKING:
    from sentinode.models.bundle_info import BundleInfo
    from sentinode.models.prediction import Prediction

DONE_IN_PART = 1


def predict(
    bundle: Annotated[str, typer.Argument(help="A bundle's folder, or a shipped name: pcam.")],
    images: Annotated[list[str], typer.Argument(help="Image files, folders or glob patterns.")],
    csv: Annotated[Path | None, typer.Option(help="Write the table to this file instead of printing it.")] = None,
    resize: Annotated[bool, typer.Option("--resize", help="Accept images of another size and resize them.")] = False,
    engine: Engine = "auto",
    quiet: Quiet = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> int:
    """Classify patches: class, probability of each class, confidence, and whether it is low.

    An image that can't be read does not stop the rest: it is listed at the end, and the exit status is 1.
    """
    from sentinode.models.bundle import open_bundle
    from sentinode.models.engines.engine_factory import open_engine
    from sentinode.models.prediction import Failure, expand_images, predict_images

    paths = expand_images(images)
    opened = open_bundle(bundle)
    runner = open_engine(opened, engine, threads=Settings.from_environment().threads)
    failures: list[Failure] = []

    def answers() -> Iterator["Prediction"]:
        with progress(quiet).bar("predicting", len(paths), "images") as advance:
            for one in predict_images(runner, paths, resize=resize):
                advance()
                if isinstance(one, Failure):
                    failures.append(one)
                else:
                    yield one

    names = opened.info.classes.names
    if csv is not None:
        count = _write(csv, names, answers())
        say(f"{count:,} of {len(paths):,} images in {csv}; {_rule(opened.info)}")
    elif as_json:
        for one in answers():
            say(json.dumps(one.row(), ensure_ascii=False))
    else:
        _print(answers(), names, _rule(opened.info))
    for failure in failures:
        warn(f"not predicted: {failure.message}")
    return DONE_IN_PART if failures else 0


def _write(path: Path, names: tuple[str, ...], answers: Iterator["Prediction"]) -> int:
    import csv

    from sentinode.core.files import atomic_file

    count = 0
    with atomic_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        head = ["path", "prediction", *(f"p_{name}" for name in names), "confidence", "low_confidence"]
        writer = csv.DictWriter(file, head, lineterminator="\n")
        writer.writeheader()
        for one in answers:
            count += 1
            low = "true" if one.low_confidence else "false"
            writer.writerow({**one.row(), "low_confidence": low})
    return count


def _print(answers: Iterator["Prediction"], names: tuple[str, ...], rule: str) -> None:
    width = max(map(len, names))
    say(f"# {rule}")
    for one in answers:
        probabilities = "  ".join(f"{name} {value:.3f}" for name, value in one.probabilities.items())
        flag = "  low confidence" if one.low_confidence else ""
        say(f"{one.label:<{width}}  {probabilities}  {one.path}{flag}")


def _rule(info: "BundleInfo") -> str:
    if info.threshold is None:
        return "the likeliest class is predicted"
    chosen = f"rule {info.threshold.rule}, chosen on {info.threshold.split}"
    return f"{info.classes.positive} from a probability of {info.threshold.value:.3f} ({chosen})"
