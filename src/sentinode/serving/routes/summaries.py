"""Slides and scans by their ids, and scans as clients see them."""

import asyncio
from typing import Any

from sentinode.serving.problems import Problem
from sentinode.serving.service import Service
from sentinode.serving.slides.known_slide import KnownSlide
from sentinode.store.tables import ScanRow

_MATTERS = {"running": 0, "queued": 0, "finished": 1, "failed": 2, "cancelled": 2}


def scan_summary(service: Service, row: ScanRow) -> dict[str, Any]:
    """A scan in short, with its progress while it runs."""
    return {
        "id": row.id,
        "slide_id": row.slide_id,
        "slide_name": row.slide_name,
        "status": row.status,
        "progress": service.jobs.progress(row.id) if row.status == "running" else None,
        "problem": row.problem,
        "created": row.created,
        "finished": row.finished,
        "slide_score": row.slide_score,
        "slide_class": row.slide_class,
        "lesions": row.lesions,
        "threshold": row.threshold,
        "slide_model": row.slide_model,
    }


def newest_scans(service: Service) -> dict[str, dict[str, Any]]:
    """Slide id → its scan that matters: one that waits or runs, else a finished one, else the last that was tried.

    A finished scan of another file than bears the slide's name now is none of it.
    """
    chosen: dict[str, ScanRow] = {}
    for row in service.store.scans.all():  # the newest first
        slide = service.library.find(row.slide_id) if row.slide_id else None
        if slide is None or not service.jobs.files.same(row, slide):
            continue
        there = chosen.get(slide.id)
        if there is None or _MATTERS[row.status] < _MATTERS[there.status]:
            chosen[slide.id] = row
    return {slide_id: scan_summary(service, row) for slide_id, row in chosen.items()}


def scan_of(service: Service, scan_id: str) -> ScanRow:
    """The scan of that id.

    Raises:
        Problem: 404.
    """
    row = service.store.scans.get(scan_id)
    if row is None:
        raise Problem(404, f"there is no scan {scan_id[:40]!r}; GET /scans lists those that are here")
    return row


async def slide_of(service: Service, slide_id: str) -> KnownSlide:
    """The slide of that id.

    Raises:
        Problem: 404.
    """
    known = service.library.find(slide_id)
    return known if known is not None else await asyncio.to_thread(service.library.get, slide_id)
