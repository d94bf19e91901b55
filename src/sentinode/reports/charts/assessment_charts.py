"""Which figures a report has: from an assessment to charts."""

from sentinode.metrics.assessment import Assessment
from sentinode.metrics.predictions import Predictions
from sentinode.reports.charts.chart import Chart
from sentinode.reports.charts.decision_charts import decision_chart, prevalence_chart, risk_coverage_chart
from sentinode.reports.charts.ranking_charts import precision_recall_chart, roc_chart, roc_overlay
from sentinode.reports.charts.score_charts import histogram_chart, reliability_chart


def binary_charts(assessment: Assessment, predictions: Predictions) -> list[Chart]:
    """Everything that can be drawn of two classes; what needs a class that is missing is left out."""
    metrics = assessment.metrics
    negatives, positives = (sum(row) for row in assessment.confusion_matrix)
    charts = _common_charts(assessment)
    if assessment.threshold is not None:
        band = assessment.low_confidence.band if assessment.low_confidence else None
        names = (assessment.confusion_labels[0], assessment.confusion_labels[1])
        charts.append(histogram_chart(predictions.scores, predictions.truths, names, assessment.threshold.value, band))
    if assessment.roc is not None:
        at = (metrics["sensitivity"], metrics["specificity"])
        charts.append(roc_chart(assessment.roc, metrics["auc"], positives, negatives, *at))
        charts.append(prevalence_chart(*at, here=positives / assessment.n))
    if assessment.precision_recall is not None:
        at = (metrics["precision"], metrics["sensitivity"])
        charts.append(precision_recall_chart(assessment.precision_recall, metrics["average_precision"], *at))
    if assessment.decision_curve is not None:
        charts.append(decision_chart(assessment.decision_curve, positives / assessment.n))
    return charts


def multiclass_charts(assessment: Assessment) -> list[Chart]:
    """Everything that can be drawn of more than two classes."""
    curves = [(figures.name, figures.roc, figures.metrics["auc"]) for figures in assessment.classes if figures.roc]
    charts = _common_charts(assessment)
    if curves:
        charts.append(roc_overlay(curves, what="each class against the rest"))
    return charts


def _common_charts(assessment: Assessment) -> list[Chart]:
    error = assessment.metrics["calibration_error"].value
    return [
        reliability_chart(assessment.reliability, error, positive=assessment.positive),
        risk_coverage_chart(assessment.risk_coverage, assessment.low_confidence),
    ]
