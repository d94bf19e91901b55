from typing import get_args

import numpy as np
import pytest
from sklearn.feature_selection import f_classif
from sklearn.model_selection import ParameterGrid

from sentinode.core.errors import RecipeError
from sentinode.training.classical.classifier_config import ClassicalConfig, ClassicalModel
from sentinode.training.classical.pipelines import build_pipeline, f_statistic, parameter_grid


@pytest.mark.parametrize("model", get_args(ClassicalModel))
@pytest.mark.parametrize("n_train", [2, 20, 5000])
def test_every_point_of_a_usual_grid_fits_its_pipeline(model: ClassicalModel, n_train: int) -> None:
    config = ClassicalConfig(model=model, select=[5, 0])
    pipeline = build_pipeline(config, seed=1)
    assert list(pipeline.named_steps) == ["scaler", "selector", "classifier"]
    points = list(ParameterGrid(parameter_grid(config, n_features=30, n_train=n_train)))
    assert len(points) == len({str(point) for point in points}) >= 2
    for point in points:
        pipeline.set_params(**point)
        assert point.get("classifier__n_neighbors", 1) <= n_train


def test_a_selection_of_all_there_is_is_tried_once() -> None:
    grid = parameter_grid(ClassicalConfig(grid={}, select=[3, 50, 0, 100]), n_features=50, n_train=20)
    assert grid == {"selector__k": [3, "all"]}


def test_a_fixed_parameter_is_not_tuned() -> None:
    config = ClassicalConfig(parameters={"C": 0.5})
    assert parameter_grid(config, 10, 10) == {}
    assert build_pipeline(config, 0)["classifier"].C == 0.5


@pytest.mark.parametrize("table", ["parameters", "grid"])
def test_an_unknown_parameter_is_named_with_those_there_are(table: str) -> None:
    config = ClassicalConfig.model_validate({table: {"c": [1.0]}})
    with pytest.raises(RecipeError, match=rf"classifier\.{table}\.c: LogisticRegression .* it has C, class_weight"):
        build_pipeline(config, 0)


def test_the_f_statistic_is_scikit_learns_and_silent_where_a_feature_is_constant() -> None:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 6)), rng.integers(0, 3, 40)
    X[:, 2] = 7.0
    X[:, 4] = y
    found = f_statistic(X, y)
    assert found[2] == 0
    assert found[4] == np.inf
    others = [0, 1, 3, 5]
    np.testing.assert_allclose(found[others], f_classif(X[:, others], y)[0], rtol=1e-12)
