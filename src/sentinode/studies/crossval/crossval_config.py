"""The `[crossval]` table of a recipe: how images are dealt into folds, and what the report asks of them."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from sentinode.metrics.crossval.fold_answers import FOLD_METRICS
from sentinode.metrics.targets import parse_target

Plan = Literal["k-fold", "leave-one-out", "leave-one-group-out"]
Split = Literal["train", "validation", "test"]


class CrossvalConfig(BaseModel):
    """How many folds, how often, and how the result is judged."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    plan: Plan = "k-fold"
    """`k-fold`: stratified by class, and by slide or patient where the source knows them. `leave-one-out`: one image a
    fold. `leave-one-group-out`: one slide or patient a fold."""

    folds: int = Field(default=5, ge=2)
    """Outer folds of `k-fold`."""

    repeats: int = Field(default=10, ge=1)
    """Times that `k-fold` deals the images anew; the other plans have one way only."""

    inner_folds: int = Field(default=5, ge=2)
    """Folds inside each outer training part, on which hyperparameters, temperature and threshold are chosen. Fewer are
    used where the part has fewer images (or groups) of a class; the table of folds says how many."""

    roles: tuple[Split, ...] = Field(default=("train", "validation"), min_length=1)
    """Which of the source's own splits take part. Its test split is left alone unless it is named here. A source
    without splits of its own takes part as a whole."""

    permutations: int = Field(default=100, ge=0)
    """Times that the labels are shuffled for the permutation test; 0: no test."""

    bar: str = "auc>=0.8"
    """What a fold should reach; the report counts the folds that do."""

    @field_validator("bar")
    @classmethod
    def _is_bar(cls, bar: str) -> str:
        if parse_target(bar).metric not in FOLD_METRICS:
            raise ValueError(f"{bar!r} is about none of the figures that a fold has: {', '.join(FOLD_METRICS)}")
        return bar
