"""GET /model, /model/report."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from markdown_it import MarkdownIt
from starlette.responses import Response

from sentinode.models.bundle_info import CARD_FILE, BundleInfo, Headline
from sentinode.models.mil.slide_bundle import SlideBundle
from sentinode.serving.predictions.served_model import ServedModel, version_of
from sentinode.serving.problems import Problem
from sentinode.serving.routes.answers import answers, as_json, files
from sentinode.serving.schemas import ModelAnswer
from sentinode.serving.service import Service, service_of

router = APIRouter(prefix="/model", tags=["model"])
REPORT_POLICY = (
    "default-src 'none'; img-src data: 'self'; style-src 'unsafe-inline'; font-src data:; "
    "frame-ancestors 'self'; sandbox"
)
"""The report is one file with its styles inside; it runs nothing."""


@router.get("", responses=answers(ModelAnswer), summary="Facts of the model")
async def get_model(request: Request) -> Response:
    """What a person should know before relying on it."""
    service = service_of(request)
    model = service.model
    info, report = model.info, report_of(service, model)
    slide_model = model.slide_model
    table, split = _thresholds(report)
    return as_json({
        "name": info.name,
        "version": version_of(model.bundle),
        "description": info.description,
        "classes": list(info.classes.names),
        "positive": info.classes.positive,
        "tile_size": info.input.tile_size,
        "any_size": bool(info.input.pooling),
        "mpp": info.input.mpp,
        "threshold": info.threshold.to_json() if info.threshold else None,
        "low_confidence": asdict(info.low_confidence) if info.low_confidence else None,
        "metrics": _figures(info.metrics),
        "metrics_split": info.metrics.split if info.metrics else None,
        "thresholds": table or _own_threshold(info),
        "thresholds_split": split if table else info.threshold.split if info.threshold else None,
        "limits": list(info.limits),
        "card_html": card_html(model.bundle.folder / CARD_FILE),
        "has_report": report is not None,
        "slide_model": _slide_model(slide_model.bundle) if slide_model else None,
        "research_use_only": True,
    })  # fmt: skip


@router.get("/report", responses=files("text/html", "The report's page"), summary="The evaluation report")
async def get_report(request: Request) -> Response:
    """The page that `sentinode evaluate` wrote, where there is one."""
    service = service_of(request)
    path = report_of(service, service.model)
    if path is None:
        raise Problem(404, "this server has no evaluation report; start it with --report FILE")
    headers = {"Content-Security-Policy": REPORT_POLICY, "Cache-Control": "no-cache"}
    return Response(path.read_bytes(), media_type="text/html; charset=utf-8", headers=headers)


def report_of(service: Service, model: ServedModel) -> Path | None:
    """The report that was given, or that of the run whose bundle is served."""
    folder = Path(model.served.folder)
    given = service.config.report
    beside = (folder / "report.html", folder.parent / "report" / "report.html")
    return next((path for path in ([given] if given else beside) if path.is_file()), None)


def card_html(path: Path) -> str:
    """The model card as HTML; HTML in the Markdown itself is shown as text."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
    return str(MarkdownIt("commonmark", {"html": False}).enable("table").render(text))


def _figures(metrics: Headline | None) -> dict[str, Any]:
    return {name: metric.to_json() for name, metric in metrics.figures.items()} if metrics else {}


def _slide_model(bundle: SlideBundle) -> dict[str, Any]:
    info = bundle.info
    return {
        "name": info.name,
        "version": version_of(bundle),
        "description": info.description,
        "method": info.aggregator.method,
        "classes": list(info.classes),
        "label_rule": info.label_rule,
        "threshold": info.threshold.to_json(),
        "metrics": _figures(info.metrics),
        "metrics_split": info.metrics.split if info.metrics else None,
        "limits": list(info.limits),
        "card_html": card_html(bundle.folder / CARD_FILE),
    }


def _thresholds(report: Path | None) -> tuple[list[dict[str, float]], str | None]:
    """The table of thresholds in `metrics.json` beside the report."""
    if report is None:
        return [], None
    try:
        metrics = json.loads((report.parent / "metrics.json").read_text(encoding="utf-8"))
        rows = [
            {
                "threshold": float(row["threshold"]),
                "sensitivity": float(row["sensitivity"]["value"]),
                "specificity": float(row["specificity"]["value"]),
            }
            for row in metrics["curves"]["threshold_table"]
        ]
        return rows, str(metrics["split"])
    except (OSError, ValueError, KeyError, TypeError):
        return [], None  # a report of another kind


def _own_threshold(info: BundleInfo) -> list[dict[str, Any]]:
    chosen = info.threshold
    if chosen is None or chosen.sensitivity is None or chosen.specificity is None:
        return []
    return [
        {
            "threshold": chosen.value,
            "sensitivity": chosen.sensitivity.value,
            "specificity": chosen.specificity.value,
        }
    ]
