"""The `[classifier]` table of a recipe: a classical model on features, and what is tuned of it."""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

ClassicalModel = Literal["logistic", "linear-svm", "rbf-svm", "forest", "boosting", "neighbours"]
Scoring = Literal["auc", "accuracy"]


class ClassicalConfig(BaseModel):
    """Which model, with which fixed parameters, and which of them are tuned on inner folds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: ClassicalModel = "logistic"
    """Logistic regression, a linear or RBF support vector machine, a random forest, histogram gradient boosting, or
    k nearest neighbours; always behind a scaling to mean 0 and standard deviation 1."""

    parameters: dict[str, Any] = Field(default_factory=dict)
    """Fixed parameters of the model, by scikit-learn's names, such as `{class_weight = "balanced"}`."""

    grid: dict[str, list[Any]] | None = None
    """Values to choose from on the inner folds, by scikit-learn's names. None: the model's usual grid. Empty: nothing
    is tuned."""

    select: int | list[int] = 0
    """How many features are kept, those of the highest F statistic; 0 keeps all. Several numbers are tuned too."""

    scoring: Scoring = "auc"
    """What the inner folds judge by: the AUC (of more than two classes: the mean of one against the rest), or the
    accuracy."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        both = sorted(set(self.parameters) & set(self.grid or {}))
        if both:
            raise ValueError(f"{', '.join(both)} is in parameters and in grid; leave it in one of them")
        if empty := sorted(name for name, values in (self.grid or {}).items() if not values):
            raise ValueError(f"grid.{empty[0]} = [] has no value to try; give one, or leave it out")
        if not self.selections or min(self.selections) < 0 or len(set(self.selections)) != len(self.selections):
            raise ValueError(f"select = {self.select}; give a number of features, or several different ones")
        return self

    @property
    def selections(self) -> tuple[int, ...]:
        """The numbers of features to choose from; 0 stands for all of them."""
        return (self.select,) if isinstance(self.select, int) else tuple(self.select)
