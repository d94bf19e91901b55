"""An alias of a model, `pcam@champion`: a name that clients and servers keep while the version behind it changes."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from sentinode.core.errors import RegistryError

NAME = "[A-Za-z0-9][A-Za-z0-9._-]{0,63}"
"""Regular expression of a model's name."""
ALIAS = "[a-z][a-z0-9-]{0,31}"
"""Regular expression of what points to one of its versions."""
MOST_REASON = 2000
"""Characters of a reason."""


@dataclass(frozen=True)
class Alias:
    """An alias of a model.

    Examples:
        >>> str(Alias.of("pcam@champion"))
        'pcam@champion'
    """

    name: str
    """Of the model."""

    alias: str
    """What points to one of its versions."""

    @classmethod
    def of(cls, text: str) -> Self:
        """The alias that `text` names.

        Raises:
            RegistryError: It is none.
        """
        name, _, alias = text.partition("@")
        if not re.fullmatch(ALIAS, alias):
            raise RegistryError(
                f"{text!r} is no alias; write NAME@ALIAS, such as pcam@champion: of the alias 1 to 32 small letters, "
                "digits and hyphens"
            )
        return cls(checked_name(name), alias)

    def __str__(self) -> str:
        return f"{self.name}@{self.alias}"


def checked_name(name: str) -> str:
    """A model's name, if it can be one.

    Raises:
        RegistryError: It can't.
    """
    if not re.fullmatch(NAME, name):
        raise RegistryError(
            f"{name!r} can't name a model; use 1 to 64 letters, digits, dots, hyphens and underscores, such as pcam"
        )
    return name


def checked_reason(reason: str) -> str:
    """What is written into the log as it is, if it is one line that says what it seems to say.

    Raises:
        RegistryError: It is too long, or has characters that are not seen: line ends, controls, turns of direction.
    """
    if len(reason) > MOST_REASON:
        raise RegistryError(f"a reason of {len(reason):,} characters is too long; give {MOST_REASON:,} at most")
    unseen = next((character for character in reason if not character.isprintable()), None)
    if unseen is not None:
        raise RegistryError(f"a reason can't have the character {unseen!a}, which is not seen; give one line of text")
    return reason


def is_alias(text: str) -> bool:
    """Whether a word that may name a bundle names an alias instead: NAME@ALIAS, where no such folder is."""
    name, _, alias = text.partition("@")
    return bool(re.fullmatch(NAME, name) and re.fullmatch(ALIAS, alias)) and not Path(text).exists()
