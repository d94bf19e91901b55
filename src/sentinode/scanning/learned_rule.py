"""A learned rule for lesions as a file: which bundles' looks it judges, the model, and what it gave when left out."""

from importlib import resources
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict

from sentinode.core.files import sha256_of_json, write_json
from sentinode.core.json_file import read_json
from sentinode.core.messages import plural
from sentinode.metrics.lesion_probability import LesionProbability

SHIPPED_FILE = "lesion-rule.json"
_CELL_SLACK = 0.01


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Looks(_Part):
    """Whose scores a rule judges: other bundles, classes and strides have other scores."""

    first: str
    """Name of the bundle that scans."""
    first_sha256: str
    """Of its `bundle.json`."""
    second: str
    """Of the second look."""
    second_sha256: str
    target: str
    cell_um: float
    """Side of the heatmap's cells."""

    def fit(self, other: "Looks") -> bool:
        """Whether scores of `other` are like those of this one."""
        same = self.model_copy(update={"cell_um": other.cell_um, "first": other.first, "second": other.second})
        return same == other and abs(self.cell_um - other.cell_um) <= _CELL_SLACK * self.cell_um


class RuleValidation(_Part):
    """What the rule gives on slides that were left out of its fitting."""

    folds: int
    slides: int
    normal_slides: int
    suspects: int
    metastases: int
    """Suspects that are one."""
    auc: float
    """Of suspects."""
    false_lesions_a_normal_slide: float
    metastases_called: int
    brier_of_slides: float
    brier_of_product: float
    """Of 1 − Π(1 − p) as it is, without slope and intercept."""


class LearnedRule(_Part):
    """All of a rule's file."""

    format_version: int = 1
    sentinode: str
    """Version that fitted it."""
    looks: Looks
    model: LesionProbability
    validation: RuleValidation
    card: str
    """On what it was fitted, in words."""

    @property
    def origin(self) -> str:
        """In words, for a scan's record."""
        return (
            f"learned on {plural(self.validation.slides, 'slide')}: "
            f"{plural(self.validation.metastases, 'suspect')} that are metastases, "
            f"{self.validation.suspects - self.validation.metastases} that are not"
        )

    @property
    def sha256(self) -> str:
        """Of all of it, so that scans by another rule are told apart."""
        return sha256_of_json(self.model_dump(mode="json"))

    def save(self, path: Path) -> None:
        """Write it as JSON, atomically.

        Raises:
            StorageError: The disk is full or the folder can't be written.
        """
        write_json(path, self.model_dump(mode="json"))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote.

        Raises:
            DataNotFoundError: There is no such file.
            DataError: It is damaged or of another version.
        """
        return read_json(
            path,
            cls.model_validate,
            absent="is no rule: give auto, heuristic, or a file that `sentinode lesion-rule fit` wrote",
            damaged="is no rule for lesions ({}); fit it again",
        )


def shipped_rule() -> LearnedRule | None:
    """The rule that comes with the package, for the bundles that do."""
    path = Path(str(resources.files("sentinode"))) / "shipped" / SHIPPED_FILE
    return LearnedRule.load(path) if path.is_file() else None
