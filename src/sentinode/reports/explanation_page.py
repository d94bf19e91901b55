"""The page of explanations: every map beside its image and its prediction, with what checks it."""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sentinode.core.files import write_text
from sentinode.explanation.explainable_model import ExplainableModel
from sentinode.explanation.explanation import LIKENESS, Explanation
from sentinode.explanation.faithfulness import STEPS
from sentinode.explanation.map_pictures import draw_map, png
from sentinode.explanation.methods import method_named
from sentinode.explanation.subject import Explained
from sentinode.reports.frame import page_environment


def write_explanation_page(out: Path, model: ExplainableModel, done: Sequence[Explained], layer: str | None) -> None:
    """Write the page to `out`: no scripts, nothing from elsewhere, light and dark."""
    used = list(dict.fromkeys(one.method for each in done for one in each.explanations))
    info = model.info
    environment = page_environment()
    environment.filters["number"] = lambda value: f"{value:.3f}".replace("-", "−")
    environment.filters["mean"] = lambda values: float(np.mean(values))
    environment.filters["spread"] = lambda values: float(np.std(values, ddof=1))
    text = environment.get_template("explanation.html.j2").render(
        title=f"{info.name}: explanations",
        kind="explanations",
        heading=f"What {info.name} looks at",
        facts=[("Images", f"{len(done)}"), ("Methods", ", ".join(method_named(name).title for name in used))],
        contents=[("images", "Images"), ("faithfulness", "Faithfulness"), ("reading", "How to read this")],
        images=[_image(each) for each in done],
        methods=[method_named(name) for name in used],
        signed={one.method: one.signed for each in done for one in each.explanations},
        summary=[_summary(name, done) for name in used],
        explained=model.explained,
        layer=layer,
        steps=STEPS,
        likeness=LIKENESS,
        checked=any(one.faithfulness for each in done for one in each.explanations),
        weightless=model.deployed is None,
    )
    write_text(out, text)


def _image(each: "Explained") -> dict[str, Any]:
    prediction = each.prediction
    return {
        "name": each.subject.name,
        "place": each.subject.place,
        "label": prediction.label,
        "confidence": prediction.confidence,
        "low": prediction.low_confidence,
        "picture": _address(png(each.subject.tile)),
        "maps": [_map(one) for one in each.explanations],
    }


def _map(one: Explanation) -> dict[str, Any]:
    return {
        "title": method_named(one.method).title,
        "one": one,
        "overlay": _address(one.overlay_png()),
        "map": _address(one.map_png()),
        "shuffled": _address(draw_map(one.sanity.map, signed=one.signed)) if one.sanity else "",
        "total": float(one.map.sum()),
    }


def _summary(name: str, done: Sequence[Explained]) -> dict[str, Any]:
    """A method over all images."""
    found = [one for each in done for one in each.explanations if one.method == name]
    faith = [one.faithfulness for one in found if one.faithfulness]
    sane = [one.sanity for one in found if one.sanity]
    row: dict[str, Any] = {
        "title": method_named(name).title,
        "n": len(found),
        "empty": sum(one.empty for one in found),
        "changed": sum(each.passed is True for each in sane) if sane else None,
        "undetermined": sum(each.passed is None for each in sane),
    }
    if faith:
        row |= {
            "deletion": np.mean([one.deletion for one in faith]),
            "insertion": np.mean([one.insertion for one in faith]),
            "chance_deletion": np.mean([one.chance.deletion for one in faith]),
            "chance_insertion": np.mean([one.chance.insertion for one in faith]),
            "chance_deletion_spread": np.mean([np.std(one.chance.deletion, ddof=1) for one in faith]),
            "chance_insertion_spread": np.mean([np.std(one.chance.insertion, ddof=1) for one in faith]),
            "gain": np.mean([one.gain for one in faith]),
            "better": sum(one.gain > 0 for one in faith),
        }
    return row


def _address(content: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(content).decode('ascii')}"
