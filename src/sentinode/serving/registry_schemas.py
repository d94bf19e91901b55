"""The shapes of requests to the registry, and of its answers."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from sentinode.core.errors import RegistryError
from sentinode.registry.alias import MOST_REASON, checked_reason
from sentinode.serving.schemas import AnswerShape, RequestShape

_SHA256 = "3f9a1c0b7d2e4c55a81f0e6b9d3724aa5c1de0f9b8a7665544332211ffeeddcc"
_EARLIER = "8b1e42d09c77135fd2a4c6e8013579bd2468ace0fedcba98765432100f1e2d3c"
_TIME = "2026-05-01T12:00:00.000+00:00"


def _seen(reason: str) -> str:
    try:
        return checked_reason(reason)
    except RegistryError as error:
        raise ValueError(str(error)) from error


_Reason = Annotated[str, Field(max_length=MOST_REASON), AfterValidator(_seen)]


class VersionAnswer(AnswerShape):
    """A version of a model."""

    name: str = Field(examples=["pcam"])
    version: str = Field(examples=[_SHA256[:12]], description="What predictions and scans carry")
    sha256: str = Field(examples=[_SHA256])
    created: str = Field(examples=[_TIME])
    retired: bool
    aliases: list[str] = Field(examples=[["champion"]])


class Targets(AnswerShape):
    """Where aliases point."""

    serves: str | None = Field(description="Version that this server answers by, now")
    follows: str | None = Field(description="The alias that it was started with; null: a bundle")
    problem: str | None = Field(description="Why it does not answer by what the alias points to")
    aliases: dict[str, str] = Field(description="NAME@ALIAS → hash of the version")
    versions: list[VersionAnswer]


class LogAnswer(AnswerShape):
    """One thing that was done."""

    created: str
    user_name: str
    action: Literal["add", "promote", "rollback", "retire"]
    name: str
    alias: str | None
    from_sha256: str | None
    to_sha256: str | None
    reason: str
    forced: bool
    gate: dict[str, Any] | None = Field(description="The gate's report: passed, checks with figures, policy, data")


class PromotionRequest(RequestShape):
    """What an alias is to point to."""

    version: str = Field(examples=[_SHA256[:12]], pattern=r"^[0-9a-fA-F]{6,64}$")
    reason: _Reason = Field(default="", examples=["two more hospitals"])
    force: bool = Field(default=False, strict=True, description="Pass the gate over; needs a reason")


class ReasonRequest(RequestShape):
    """Why."""

    reason: _Reason = Field(default="", examples=["misses small foci"])


class RetirementRequest(RequestShape):
    """Which version is not to be promoted again."""

    version: str = Field(examples=[_EARLIER[:12]], pattern=r"^[0-9a-fA-F]{6,64}$")
    reason: _Reason = Field(default="", examples=["trained on a leak"])
