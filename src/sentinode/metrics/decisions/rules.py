"""Threshold rules as a recipe writes them.

    rule      = "youden" | "f1" | rate ">=" level [ "+" margin | "@lower" confidence ]
    rate      = "sensitivity" | "specificity"

`sensitivity>=0.95`          the estimate on validation is at least 0.95: on new data it is missed about as often as met
`sensitivity>=0.95+0.02`     aim at 0.97 on validation, an explicit margin for what new slides take away
`sensitivity>=0.95@lower95`  the one-sided 95 % lower confidence bound on validation is at least 0.95
`youden`                     the largest sensitivity + specificity − 1 (Youden 1950)
`f1`                         the largest F1

Level, margin and confidence are plain decimals: shares for the first two, a percentage of at least 50 for the last.
"""

import re
from dataclasses import dataclass
from typing import Literal

from sentinode.core.errors import EvaluationError

_NUMBER = r"\d+(?:\.\d+)?"
_RATE_RULE = re.compile(rf"(sensitivity|specificity)>=({_NUMBER})(?:\+({_NUMBER})|@lower({_NUMBER}))?")
_EXAMPLES = (
    "'sensitivity>=0.95', 'sensitivity>=0.95+0.02' (a margin), 'sensitivity>=0.95@lower95' (a 95 % lower bound),"
    " the same for specificity, 'youden' or 'f1'"
)


@dataclass(frozen=True)
class Rule:
    """A threshold rule, parsed."""

    text: str
    """As it was given, without blanks."""

    kind: Literal["sensitivity", "specificity", "youden", "f1"]
    """What is held or maximised."""

    level: float = 0.0
    """Share that the rate has to reach; 0 for `youden` and `f1`."""

    margin: float = 0.0
    """Added to the level on validation."""

    confidence: float | None = None
    """Confidence in (0.5, 1) of the lower bound that has to reach the level; None for the plain estimate."""

    @property
    def aim(self) -> float:
        """What the estimate or the bound has to reach on validation."""
        # Rounded, because 0.9 + 0.02 is a little more than 0.92 in binary, and 46 of 50 has to meet it.
        return round(self.level + self.margin, 12)


def parse_rule(text: str) -> Rule:
    """Read a rule; the syntax is this module's docstring.

    Raises:
        EvaluationError: It is none of the rules, or a number is out of range.
    """
    rule = text.replace(" ", "")
    if rule == "youden":
        return Rule(rule, "youden")
    if rule == "f1":
        return Rule(rule, "f1")
    match = _RATE_RULE.fullmatch(rule)
    if match is None:
        raise EvaluationError(f"threshold rule {text!r} is unknown; give {_EXAMPLES}")
    kind: Literal["sensitivity", "specificity"] = "sensitivity" if match[1] == "sensitivity" else "specificity"
    level, margin = float(match[2]), float(match[3] or 0)
    if not 0 < level < 1:
        raise EvaluationError(
            f"threshold rule {text!r}: the level is {level:g}; give a share between 0 and 1, such as 0.95"
        )
    if level + margin >= 1:
        message = f"threshold rule {text!r}: level and margin make {level + margin:g}; they have to stay below 1"
        raise EvaluationError(message)
    confidence = float(match[4]) / 100 if match[4] else None
    if confidence is not None and not 0.5 < confidence < 1:
        message = (
            f"threshold rule {text!r}: the confidence is {match[4]} %; give more than 50 and less than 100, such as 95"
        )
        raise EvaluationError(message)
    return Rule(rule, kind, level, margin, confidence)
