"""Reviews as clients see them, and as annotations."""

import json
from collections.abc import Sequence
from typing import Any

from sentinode.core.extras import require
from sentinode.serving.problems import Problem
from sentinode.serving.reviews.consensus import RULE, Finding, findings_of, result_of
from sentinode.serving.reviews.reviewed_outlines import ReviewedOutlines
from sentinode.slides.annotations.asap import render_asap
from sentinode.slides.annotations.flat_regions import flatten
from sentinode.slides.annotations.geojson import render_geojson
from sentinode.slides.annotations.placement import moved
from sentinode.slides.annotations.regions import DISAGREED, REJECTED, TUMOUR, Region, Reviewed
from sentinode.slides.annotations.tangle import TooTangledError
from sentinode.store.tables import ReviewRow

shapely = require("shapely", extra="scan")

_KINDS = {"accepted": TUMOUR, "rejected": REJECTED, "disagreed": DISAGREED}


def exported(
    reviews: Sequence[ReviewRow], kind: str, *, whole_slide: bool = False, origin: tuple[int, int] = (0, 0)
) -> str:
    """What reviews say together by the rule of `consensus`, in level-0 pixels.

    As `geojson` rejected lesions and those that reviewers disagree on are there as such; ASAP's `xml` has neither. Each
    counts pixels as the program that it is for: QuPath from the corner of the scanned area, ASAP from the canvas's.

    Args:
        reviews: Of a scan, in the order in which they were made.
        kind: geojson or xml.
        origin: Of the scanned area on OpenSlide's canvas, level-0 x and y.
        whole_slide: The reviewers looked at all of the slide: what is neither accepted nor drawn is no tumour. The file
            says so, and otherwise that it speaks of a part.

    Raises:
        Problem: 409 where nothing was judged or drawn, and not the whole slide was reviewed; where the whole slide was,
            and reviewers disagree; where they disagree on all that the file could hold.
    """
    findings = _findings(reviews)
    _check_exportable(findings, kind, whole_slide=whole_slide)
    regions = [_region(finding) for finding in findings]
    reviewed: Reviewed = "whole" if whole_slide else "part"
    if kind == "geojson":
        return render_geojson(regions, reviewed)
    kept = [moved(region, *origin) for region in regions if region.kind == TUMOUR]
    return render_asap(flatten(kept), reviewed)


def check_overlaps(outlines: ReviewedOutlines, scan_id: str, polygon: dict[str, Any]) -> None:
    """Refuse another review's polygon that would make it too hard to say what all of them say together.

    Raises:
        Problem: 422.
    """
    try:
        outlines.check_addition(scan_id, shapely.from_geojson(json.dumps(polygon)))
    except TooTangledError as error:
        raise Problem(422, f"together with the reviews that are there the polygon can't be taken: {error}") from error


def review_fields(row: ReviewRow) -> dict[str, Any]:
    """A review as clients see it."""
    return {
        "id": row.id,
        "kind": row.kind,
        "lesion_id": row.lesion_id,
        "verdict": row.verdict,
        "polygon": row.polygon,
        "comment": row.comment,
        "author": row.author,
        "created": row.created,
        "undone": row.undone,
        "undone_by": row.undone_by,
        "history": [{"undone": mark.undone, "author": mark.author, "created": mark.created} for mark in row.marks],
    }


def consensus_fields(reviews: Sequence[ReviewRow]) -> dict[str, Any]:
    """What reviews say together, as clients see it."""
    findings = _findings(reviews)
    return {
        "rule": RULE,
        "result": result_of(findings),
        "reviewers": sorted({one.author for finding in findings for one in finding.reviews}),
        "findings": [
            {
                "outcome": finding.outcome,
                "polygon": json.loads(shapely.to_geojson(finding.polygon)),
                "accepted_by": finding.names(accepting=True),
                "rejected_by": finding.names(accepting=False),
                "adjudicated_by": finding.adjudication.author if finding.adjudication else None,
                "reviews": [one.id for one in finding.reviews],
            }
            for finding in findings
        ],
    }


def _findings(reviews: Sequence[ReviewRow]) -> list[Finding]:
    try:
        return findings_of(reviews)
    except TooTangledError as error:
        raise Problem(409, f"the reviews overlap too often ({error}); an admin undoes what is too much") from error


def _check_exportable(findings: Sequence[Finding], kind: str, *, whole_slide: bool) -> None:
    if not findings and not whole_slide:
        raise Problem(
            409,
            "nothing was accepted, rejected or drawn on this scan yet; review it first, or export it with "
            "whole_slide=true, which says that there is no tumour",
        )
    open_ones = sum(finding.outcome == "disagreed" for finding in findings)
    if open_ones and (whole_slide or (kind == "xml" and open_ones == len(findings))):
        raise Problem(
            409,
            f"reviewers disagree on {open_ones} of {len(findings)} places, so whether there is tumour is not known; an "
            "admin adjudicates them, or export a part as GeoJSON, which names them",
        )


def _region(finding: Finding) -> Region:
    kind = _KINDS[finding.outcome]
    if finding.adjudication:
        return Region(finding.polygon, kind, f"{finding.outcome} by {finding.adjudication.author} (adjudicated)", kind)
    said: dict[str, list[str]] = {}
    for one in finding.reviews:
        said.setdefault("drawn" if one.kind == "lesion" else f"{one.verdict}ed", []).append(one.author)
    name = ", ".join(f"{done} by {' and '.join(sorted(set(names)))}" for done, names in said.items())
    return Region(finding.polygon, kind, name, kind)
