"""The folder of a study with arms: its protocol is fixed before it runs, and what was answered is not asked again."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from sentinode.core.errors import StorageError
from sentinode.core.files import atomic_file, sha256_of_json, write_json
from sentinode.core.progress import Advance, Progress
from sentinode.core.result_folder import ResultKind, locked
from sentinode.core.settings import Settings
from sentinode.data.dataset import Dataset, load_dataset
from sentinode.metrics.arm_comparison import ArmFigures, verdict
from sentinode.training.recipe import checked, load_data_config, set_overrides

PAGE = "study.html"
RECORD = "study.json"
_PLAN = "plan.json"
_FOLDER = ResultKind("a study", (_PLAN,))

_Protocol = TypeVar("_Protocol", bound=BaseModel)
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ArmStudy:
    """A finished study: arms, each held against the first."""

    folder: Path
    tables: Mapping[str, Sequence[ArmFigures]]
    """The figures of every arm, by what it was tried on, in words."""
    first: str
    """The first arm, in words that follow "AUC": `without either`."""

    def to_json(self) -> dict[str, Any]:
        """A machine's answer."""
        return {
            "models": {name: [one.to_json() for one in arms] for name, arms in self.tables.items()},
            "verdicts": {name: {one.name: verdict(one) for one in arms[1:]} for name, arms in self.tables.items()},
        }

    def summary(self) -> str:
        """A few lines for a person."""
        lines = []
        for name, arms in self.tables.items():
            lines.append(f"{name}: AUC {self.first} {arms[0].auc!s}")
            lines += [f"  {one.name:<14} AUC {one.auc_difference!s}: {verdict(one)}" for one in arms[1:]]
        return "\n".join([*lines, f"look at   {self.folder / PAGE}"])


@dataclass(frozen=True)
class AnswerFolder:
    """Probabilities of the positive class, (N,) in a file for each question."""

    path: Path

    def ask(self, name: str, question: Callable[[], Floats], advance: Advance) -> None:
        """Answer a question, unless its file is there."""
        file = self._file(name)
        if not file.exists():
            found = question()
            with atomic_file(file) as temporary, temporary.open("wb") as stream:
                np.save(stream, found, allow_pickle=False)
        advance()

    def read(self, name: str) -> Floats:
        """(N,): what was answered."""
        return np.asarray(np.load(self._file(name)), np.float64)

    def _file(self, name: str) -> Path:
        return self.path / "answers" / f"{name}.npy"


def read_protocol(kind: type[_Protocol], overrides: Sequence[str]) -> tuple[_Protocol, list[str]]:
    """The protocol with `key=value` laid over it, and those overrides that are of the data (`data.key=value`).

    Raises:
        RecipeError: There is no such key, or a value is wrong.
    """
    of_data = [each for each in overrides if each.startswith("data.")]
    values: dict[str, Any] = {}
    set_overrides(values, [each for each in overrides if not each.startswith("data.")])
    return checked(kind, values, "of the study"), of_data


def begin_study(
    kind: type[_Protocol], address: str, overrides: Sequence[str], settings: Settings, progress: Progress
) -> tuple[_Protocol, Dataset]:
    """The protocol of a study of labelled data, and the data; `overrides` are of both.

    Raises:
        RecipeError: There is no such key, or a value is wrong.
        DataError: The data is not what its layout says.
    """
    protocol, of_data = read_protocol(kind, overrides)
    return protocol, load_dataset(load_data_config(address, of_data), cache=settings.cache, progress=progress)


@contextmanager
def study_folder(out: Path, protocol: BaseModel, **facts: str) -> Iterator[None]:
    """Work on a study, with its plan written before anything is trained.

    Args:
        out: The study's folder.
        protocol: Every choice.
        facts: What else the answers depend on, such as the hash of the data.

    Raises:
        StorageError: `out` holds something else, or a study of another protocol or other data.
        BusyError: Another process works on it.
    """
    _FOLDER.check(out)
    plan = {"protocol": protocol.model_dump(mode="json"), **facts}
    sha256 = sha256_of_json(plan)
    with locked(out / ".lock", f"works on the study in {out}"):
        known = out / _PLAN
        if known.exists() and sha256 not in known.read_text(encoding="utf-8"):
            raise StorageError(f"{out} holds a study of another protocol or of other data; choose another --out")
        write_json(known, {**plan, "sha256": sha256})
        yield
