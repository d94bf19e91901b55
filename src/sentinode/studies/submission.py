"""A bundle's answers to the Kaggle competition's test images, as the file that is handed in."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentinode.core.errors import BundleError, DataError, ImageError, StorageError
from sentinode.core.files import atomic_file, sha256_of_json
from sentinode.core.images import read_image
from sentinode.core.messages import plural
from sentinode.core.progress import SILENT, Progress
from sentinode.core.result_folder import locked
from sentinode.core.settings import Settings
from sentinode.data.source import recognise_positive
from sentinode.data.sources.kaggle_competition import COLUMNS, CompetitionTest, listed, open_competition_test
from sentinode.models.bundle import Bundle, open_bundle
from sentinode.models.bundle_info import GRAPH_FILE, BundleInfo
from sentinode.models.engines.engine import Engine
from sentinode.models.engines.engine_factory import open_engine
from sentinode.models.prediction import Failure, predict_images
from sentinode.studies.answer_log import AnswerLog, LoggedAnswer, stamp_of

_HEADER = ",".join(COLUMNS)
_NOTED = 512  # answers between two writes: what a kill costs at most


@dataclass(frozen=True)
class Submission:
    """A file that is ready to be handed in."""

    path: Path
    n: int
    """Images, which is the number of its rows."""
    positive: str
    """The class whose probability is its `label`."""
    ordered_by: str
    """Where ids and order come from."""
    resumed: int
    """Rows that an earlier run, which was stopped, had found."""
    extra: tuple[str, ...]
    """Ids of files that it was not asked for."""

    def to_json(self) -> dict[str, Any]:
        """A machine's answer."""
        return {
            "submission": str(self.path),
            "n": self.n,
            "positive": self.positive,
            "ordered_by": self.ordered_by,
            "resumed": self.resumed,
            "extra": list(self.extra),
        }

    def summary(self) -> str:
        """A few lines for a person."""
        lines = [
            f"{plural(self.n, 'image')}, ids and order of {self.ordered_by}; label is the probability of "
            f"{self.positive}",
        ]
        if self.resumed:
            lines.append(f"gone on   {self.resumed:,} were there from a run that was stopped")
        if self.extra:
            names = listed(self.extra)
            lines.append(f"left out  {len(self.extra):,} of the files in test/, which it does not ask for: {names}")
        return "\n".join([*lines, f"submission  {self.path}"])


def write_submission(
    name: str | Path,
    address: str,
    out: str | Path,
    *,
    engine: str = "auto",
    settings: Settings | None = None,
    progress: Progress = SILENT,
) -> Submission:
    """Score the competition's test images into `out`: columns `id` and `label`, the probability of tumour.

    Stopped at any moment, the same command goes on: answers are kept in a file beside `out`, which goes away when `out`
    is whole.

    Args:
        name: A bundle's folder or a shipped name, of two classes.
        address: `kaggle:DIR`; needs `test/`, and takes ids and order from `sample_submission.csv` where that is there.
        out: The file to write; an earlier submission is replaced.
        engine: `auto`, `openvino` or `torch`.
        settings: The machine's; None: by the environment.
        progress: Where to show how far it is.

    Raises:
        DataError: An image is missing or can't be used; `out` is not written.
        BundleError: The bundle does not tell tumour from normal, or takes tiles of another size.
        StorageError: `out` holds something else than a submission, or another process is writing it.
        KeyboardInterrupt: The user stopped it; the message says how to go on.
    """
    out, settings = Path(out), settings or Settings.from_environment()
    bundle = open_bundle(name)
    bundle.info.refuse_context("single images have none")
    column = _column(bundle)
    test = open_competition_test(address)
    _check_out(out)
    _check_size(bundle.info, test)
    with _alone(out, settings.cache):
        runner = open_engine(bundle, engine, threads=settings.threads)
        log = AnswerLog(
            out.with_name(f"{out.name}.partial"),
            {"graph": bundle.info.files[GRAPH_FILE], "engine": runner.name, "column": column},
        )
        noted = {key: each for key, each in log.load().items() if each.stamp == stamp_of(test.path(key))}
        resumed = len(noted.keys() & set(test.ids))
        try:
            labels = _score(runner, column, test, noted, log, progress)
        except KeyboardInterrupt as error:
            raise KeyboardInterrupt("the same command goes on where it was") from error
        _write(out, test.ids, labels)
        log.path.unlink()
    return Submission(out, len(test.ids), bundle.info.classes.names[column], test.ordered_by, resumed, test.extra)


def _score(
    runner: Engine,
    column: int,
    test: CompetitionTest,
    noted: Mapping[str, LoggedAnswer],
    log: AnswerLog,
    progress: Progress,
) -> dict[str, str]:
    """The label of every image, by id."""
    labels = {key: each.label for key, each in noted.items()}
    left = [name for name in test.ids if name not in labels]
    failures: list[Failure] = []
    fresh: list[LoggedAnswer] = []
    with progress.bar("scoring test", len(test.ids), "images", done=len(test.ids) - len(left)) as advance:
        try:
            for name, one in zip(left, predict_images(runner, map(test.path, left)), strict=True):
                advance()
                if isinstance(one, Failure):
                    failures.append(one)
                    continue
                labels[name] = f"{list(one.probabilities.values())[column]:.9g}"  # as many digits as float32 has
                fresh.append(LoggedAnswer(name, labels[name], stamp_of(test.path(name))))
                if len(fresh) == _NOTED:
                    log.append(fresh)
                    fresh.clear()
        finally:
            log.append(fresh)
    if failures:
        raise DataError(
            f"{len(failures):,} of the {plural(len(test.ids), 'test image')} can't be used: "
            f"{failures[0].message}; mend them "
            f"and run the same command again (the other answers are kept in {log.path})"
        )
    return labels


def _write(out: Path, ids: Sequence[str], labels: Mapping[str, str]) -> None:
    with atomic_file(out) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        file.write(f"{_HEADER}\n")
        file.writelines(f"{name},{labels[name]}\n" for name in ids)


def _column(bundle: Bundle) -> int:
    """Place of the class that the competition calls 1, among the probabilities."""
    classes = bundle.info.classes
    if classes.positive is None:
        raise BundleError(
            f"{bundle.name} tells {', '.join(classes.names)} apart; the competition wants the probability of tumour "
            "from a model of two classes"
        )
    known = recognise_positive(classes.names)
    if known not in (None, classes.positive):
        raise BundleError(
            f"{bundle.name} looks for {classes.positive!r}, the competition for {known!r}; train it with "
            f"data.positive={known}"
        )
    return classes.names.index(classes.positive)


def _check_out(out: Path) -> None:
    if out.is_dir():
        raise StorageError(f"{out} is a folder; give the name of a file, such as {out / 'submission.csv'}")
    if out.exists() and not out.read_bytes().startswith(_HEADER.encode()):
        raise StorageError(f"{out} holds something else than a submission; choose another --out")


def _check_size(info: BundleInfo, test: CompetitionTest) -> None:
    """Look at the first image: a model for other tiles would refuse each of them, one by one."""
    try:
        height, width = read_image(test.path(test.ids[0])).shape[:2]
    except ImageError:
        return  # it will be counted among those that can't be used
    size = info.input.tile_size
    if info.input.pooling and min(height, width) >= size:
        return
    if (height, width) != (size, size):
        raise BundleError(
            f"{info.name} takes tiles of {size}×{size} px, the test images have {width}×{height}; choose a bundle for "
            "tiles of their size"
        )


@contextmanager
def _alone(out: Path, cache: Path) -> Iterator[None]:
    """Two commands must not write one submission. The lock lies in the cache, as it stays there."""
    path = cache / "locks" / f"{sha256_of_json(str(out.resolve()))[:32]}.lock"
    with locked(path, f"is writing {out}"):
        yield
