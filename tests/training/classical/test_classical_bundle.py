from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.model_selection import StratifiedKFold

from sentinode.core.errors import BundleError, DataError, EvaluationError, LeakError
from sentinode.core.metric import Metric
from sentinode.core.progress import Progress
from sentinode.models.bundle import Bundle, open_bundle
from sentinode.models.bundle_info import Headline
from sentinode.models.engines.engine_factory import open_engine
from sentinode.studies.evaluation import evaluate_bundle
from sentinode.studies.quantization_study import quantize_bundle
from sentinode.training.classical.classical_bundle import calibrate_out_of_fold, write_classical_bundle
from sentinode.training.classical.classifier_config import ClassicalConfig, ClassicalModel
from sentinode.training.classical.grid_search import TunedModel, fit_tuned
from sentinode.training.training_config import EvaluationConfig

HEADLINE = Headline(split="out-of-fold", n=96, figures={"auc": Metric(value=0.8, low=0.7, high=0.9, method="DeLong")})
SMALL: dict[str, dict[str, Any]] = {
    "forest": {"n_estimators": 10, "max_depth": 4},
    "boosting": {"max_iter": 4, "max_depth": 3},
    "neighbours": {"n_neighbors": 5},
}


def _fit(case: Any, model: ClassicalModel = "logistic", folds: int = 3, **config: Any) -> TunedModel:
    table = case.table
    cut = StratifiedKFold(folds, shuffle=True, random_state=0).split(table.values, table.labels) if folds else []
    settings = {"grid": {}, "parameters": SMALL.get(model, {}), **config}
    return fit_tuned(ClassicalConfig(model=model, **settings), table.values, table.labels, folds=list(cut), seed=0)


def _write(case: Any, tuned: TunedModel, folder: Path, **more: Any) -> Bundle:
    recipe = {
        "data": case.source.model_dump(mode="json"),
        "features": {"kind": "network"},
        "classifier": tuned.config.model_dump(mode="json"),
        "crossval": {"repeats": 2},
        "evaluation": EvaluationConfig().model_dump(mode="json"),
    }
    calibration = calibrate_out_of_fold(tuned, case.table, case.data, EvaluationConfig(), 0)
    arguments = {"name": "small", "description": "A test.", "recipe": recipe, "metrics": HEADLINE} | more
    return write_classical_bundle(
        folder, case.extractor, tuned, calibration, arguments.pop("table", case.table), case.data, **arguments
    )


@pytest.mark.parametrize(
    ("model", "classes", "network"),
    [
        ("logistic", 2, {"test_time": "d4", "input_size": 20, "storage": "float16"}),
        ("logistic", 3, {}),
        ("forest", 2, {"test_time": "d4", "storage": "float16"}),
        ("forest", 3, {}),
        ("boosting", 3, {}),
        ("rbf-svm", 3, {"storage": "float16"}),
        ("neighbours", 2, {}),
        ("linear-svm", 2, {}),
    ],
)
def test_a_bundle_answers_as_its_original_on_every_engine(
    case_of: Callable[..., Any], tmp_path: Path, model: ClassicalModel, classes: int, network: dict[str, Any]
) -> None:
    case = case_of(classes, **network)
    tuned = _fit(case, model, select=40 if classes == 3 else 0)
    bundle = open_bundle(_write(case, tuned, tmp_path / "bundle").folder)
    images = case.data.tiles[:40]
    for engine in ("openvino", "torch"):
        scores = open_engine(bundle, engine, threads=1).predict(images)
        expected = softmax(tuned.logits(scores.embedding) / bundle.info.temperature, axis=1)
        np.testing.assert_allclose(scores.probabilities, expected, atol=1e-4 if model == "rbf-svm" else 1e-5)
        assert scores.probabilities.std(axis=0).min() > 1e-3


@pytest.fixture(scope="module")
def written(case_of: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    case = case_of(2)
    return _write(case, _fit(case), tmp_path_factory.mktemp("written") / "bundle", limits=("Of few images.",))


def test_it_says_what_it_is_and_what_its_figures_are(written: Bundle) -> None:
    info = written.info
    card = (written.folder / "MODEL_CARD.md").read_text()
    assert info.head is not None
    assert "| Classifier | logistic regression, on the embedding |" in card
    assert "| auc | 0.800 | 0.700 – 0.900 | DeLong |" in card
    assert "- Of few images." in card
    assert "The figures are cross-validated" in card
    assert info.threshold is not None
    assert info.threshold.split == "out-of-fold predictions"
    assert info.threshold.n == 96
    assert set(info.provenance.recipe) == {"data", "features", "classifier", "crossval", "evaluation"}
    assert "scikit-learn" in info.provenance.libraries


def test_it_remembers_what_it_learned_from(written: Bundle, case_of: Callable[..., Any], tmp_path: Path) -> None:
    case = case_of(2)
    pixels = case.data.manifest.table["pixels"]
    assert {f"{value:016x}" for value in written.seen()["train"].tolist()} == set(pixels)
    with pytest.raises(LeakError, match="96 of these"):
        evaluate_bundle(
            str(written.folder),
            case.source.source,
            tmp_path / "report",
            split="all",
            settings=case.settings,
            progress=Progress(),
        )


def test_its_reference_is_what_the_graph_answers(written: Bundle, case_of: Callable[..., Any]) -> None:
    case = case_of(2)
    scores = open_engine(written, "openvino", threads=1).predict(case.data.tiles[case.data.manifest.table["row"]])
    reference = written.reference()
    np.testing.assert_allclose(reference["probabilities"], scores.probabilities, atol=1e-5)
    np.testing.assert_allclose(reference["embedding"], scores.embedding, rtol=1e-3, atol=1e-3)
    assert reference["stain"].shape == (96, len(reference["stain_columns"]))


def test_its_temperature_and_threshold_are_of_answers_out_of_fold(case_of: Callable[..., Any]) -> None:
    case = case_of(2)
    tuned = _fit(case)
    calibration = calibrate_out_of_fold(tuned, case.table, case.data, EvaluationConfig(threshold="youden"), 0)
    scores = softmax(tuned.inner_logits / calibration.temperature, axis=1)[:, 1]
    loss = [
        -np.log(softmax(tuned.inner_logits / t, axis=1)[np.arange(96), tuned.inner_labels]).mean()
        for t in (calibration.temperature * 0.97, calibration.temperature, calibration.temperature * 1.03)
    ]
    assert loss[1] < min(loss[0], loss[2])
    assert calibration.threshold is not None
    sensitivity = (scores[tuned.inner_labels == 1] >= calibration.threshold.value).mean()
    assert calibration.threshold.sensitivity is not None
    assert calibration.threshold.sensitivity.value == pytest.approx(sensitivity)
    assert calibration.band.split == "out-of-fold predictions"


def test_scores_that_are_all_equal_widen_the_band(case_of: Callable[..., Any]) -> None:
    case = case_of(2)
    tuned = _fit(case, "neighbours", parameters={"n_neighbors": 1})  # two scores only
    calibration = calibrate_out_of_fold(tuned, case.table, case.data, EvaluationConfig(), 0)
    scores = softmax(tuned.inner_logits / calibration.temperature, axis=1)[:, 1].round(6)
    inside = ((scores >= calibration.band.low) & (scores <= calibration.band.high)).mean()
    assert 0.1 < inside < 1


def test_a_bound_takes_stains_for_slides_where_none_are_known(case_of: Callable[..., Any]) -> None:
    case = case_of(2)
    rule = EvaluationConfig(threshold="sensitivity>=0.5@lower95")
    calibration = calibrate_out_of_fold(_fit(case), case.table, case.data, rule, 0)
    known = replace(case.table, groups=[f"patient {number % 12}" for number in range(96)])
    grouped = calibrate_out_of_fold(_fit(case), known, case.data, rule, 0)
    assert calibration.threshold is not None
    assert grouped.threshold is not None
    assert "12 groups" in grouped.threshold.method
    assert grouped.threshold.method != calibration.threshold.method


def test_what_can_not_become_a_bundle_is_refused(case_of: Callable[..., Any], written: Bundle, tmp_path: Path) -> None:
    case, other = case_of(2), case_of(2, pooling=["mean"])
    tuned = _fit(case)
    texture = replace(case.table, space=replace(case.table.space, kind="texture", name="texture"))
    with pytest.raises(
        DataError, match=r"features of kind 'texture' can't be computed inside .* 'network'|\"network\""
    ):
        _write(case, tuned, tmp_path / "bundle", table=texture)
    with pytest.raises(DataError, match="compute the features again"):
        _write(case, tuned, tmp_path / "bundle", table=other.table)
    with pytest.raises(EvaluationError, match="fitted without any"):
        calibrate_out_of_fold(_fit(case, folds=0), case.table, case.data, EvaluationConfig(), 0)
    with pytest.raises(BundleError, match="float32"):
        quantize_bundle(
            str(written.folder),
            case.source.source,
            tmp_path / "int8",
            settings=case.settings,
            progress=Progress(),
        )
    assert not list(tmp_path.iterdir())
