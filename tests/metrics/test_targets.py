import pytest

from sentinode.core.errors import EvaluationError
from sentinode.core.metric import Metric
from sentinode.metrics.targets import check_targets, parse_target

METRICS = {
    "auc": Metric(0.96, 0.94, 0.98, "m", 100),
    "false_negative_rate": Metric(0.05, 0.02, 0.09, "m", 50),
    "precision": Metric.undefined("no positive prediction", 0),
    "f1": Metric(0.9, None, None, "no interval", 100),
}


@pytest.mark.parametrize(
    ("target", "met", "assured"),
    [
        ("auc>=0.95", True, False),
        ("auc >= 0.94", True, True),
        ("auc>=0.97", False, False),
        ("false_negative_rate<=0.05", True, False),
        ("false_negative_rate<=0.1", True, True),
        ("precision>=0.9", None, None),
        ("f1>=0.9", True, None),
    ],
)
def test_met_by_the_estimate_and_by_the_whole_interval(target, met, assured):
    (result,) = check_targets([target], METRICS)
    assert (result.met, result.assured) == (met, assured)
    written = result.to_json()
    assert written["target"] == target.replace(" ", "")
    assert written["value"] == METRICS[written["metric"]].value


@pytest.mark.parametrize("text", ["auc", "auc>0.9", "auc>=high", "AUC>=0.9", ">=0.9", "auc>=-1"])
def test_what_is_no_target(text):
    with pytest.raises(EvaluationError, match="can't be read; write 'auc>=0"):
        parse_target(text)


def test_a_metric_that_nobody_measured():
    with pytest.raises(EvaluationError, match=r"'recall'.*auc, false_negative_rate"):
        check_targets(["recall>=0.9"], METRICS)
