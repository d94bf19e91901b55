"""What a promotion has to fulfil: a TOML file beside the registry's copies, which no command passes over unseen."""

import tomllib
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sentinode.core.errors import RegistryError
from sentinode.core.files import sha256_of_json
from sentinode.core.messages import one_line

POLICY_FILE = "policy.toml"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class FrozenData(_Part):
    """The labelled data on which a candidate is held against what serves."""

    data: str = Field(min_length=1)
    """Its address, as `sentinode evaluate --data` has it."""
    split: str = "test"
    overrides: tuple[str, ...] = ()
    """As `--set` has them: `data.on_leak=drop` leaves out images that one of the models has learned from."""
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    """Hash of its images and labels, which a report of the gate names; data of another is refused. None: any."""


class Margins(_Part):
    """How much a candidate may be worse at most, and still be let through: the interval of its difference has to lie
    above minus the margin, all of it.
    """

    auc: float = Field(gt=0, lt=1)
    sensitivity: float = Field(gt=0, lt=1)
    """Each model's at its own frozen threshold."""


class Policy(_Part):
    """All of the file."""

    frozen: FrozenData
    margins: Margins

    @property
    def sha256(self) -> str:
        """Hash of what it says: a report of the gate holds for one policy."""
        return sha256_of_json(self.model_dump(mode="json"))

    @classmethod
    def read(cls, path: Path) -> Self:
        """The policy in a file.

        Raises:
            RegistryError: There is none, it can't be read, or says what no policy says.
        """
        try:
            return cls.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError as error:
            raise RegistryError(
                f"there is no policy {path}, so nothing says what a promotion has to fulfil; write one (docs/"
                "registry.md), or pass the gate over by force, with a reason"
            ) from error
        except ValidationError as error:
            raise RegistryError(f"{path}: {one_line(error)}") from error
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise RegistryError(f"{path} is no policy ({one_line(error)}); see docs/registry.md") from error
