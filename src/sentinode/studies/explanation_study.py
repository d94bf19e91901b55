"""Explanations as a folder: overlays, maps, figures, and one page that needs nothing else."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sentinode.core.errors import StorageError
from sentinode.core.files import atomic_folder, write_json
from sentinode.explanation.explainable_model import ExplainableModel
from sentinode.explanation.explanation import LIKENESS, Examiner, Explanation, explain
from sentinode.explanation.faithfulness import STEPS
from sentinode.explanation.map_pictures import blended, coloured
from sentinode.explanation.methods import method_named
from sentinode.explanation.subject import Explained, Subject
from sentinode.models.prediction import Prediction
from sentinode.reports.explanation_page import (
    ExplanationContext,
    ImageView,
    MapFaithfulness,
    MapMethod,
    MapView,
    ShuffledMap,
    write_explanation_page,
)

RECORD = "explanations.json"
PAGE = "index.html"


def check_place(out: Path) -> None:
    """Refuse a folder that holds something else than earlier explanations, which would be lost.

    Raises:
        StorageError: It does.
    """
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / RECORD).is_file())):
        raise StorageError(f"{out} holds something else than explanations; choose another --out")


def write_explanations(
    model: ExplainableModel,
    subjects: Iterable[Subject],
    methods: Sequence[str],
    out: Path,
    *,
    target: str | None = None,
    layer: str | None = None,
    examiner: Examiner | None = None,
    advance: Callable[[], Any] = lambda: None,
) -> list[dict[str, Any]]:
    """Explain tiles by each method, and write the folder `out`, whole or not at all; its record is returned.

    Each tile gets a folder with METHOD.npy (float32, (H, W)), METHOD-map.png and METHOD-overlay.png.

    Args:
        model: From `open_model`.
        subjects: The tiles.
        methods: Names; see `methods.method_names`.
        out: The folder; earlier explanations there are replaced.
        target: The class; see `explain`.
        layer: For Grad-CAM.
        examiner: Checks every map; None leaves the checks out.
        advance: Called after each map.
    """
    check_place(out)
    done, records, used = [], [], set[str]()
    with atomic_folder(out) as temporary:
        for subject in subjects:
            found = []
            for method in methods:
                wanted = layer if method_named(method).layered else None
                found.append(explain(model, subject.tile, method, target, layer=wanted, examiner=examiner))
                advance()
            prediction = Prediction.of(model.probabilities(subject.tile[None])[0], model.info, subject.path)
            folder = _unused(subject.name, used)
            _write_files(temporary / folder, found)
            done.append(Explained(subject, prediction, tuple(found)))
            records.append(_record(done[-1], folder, model))
        write_json(temporary / RECORD, records)
        context = ExplanationContext(
            model=model.info.name,
            explained=model.explained,
            steps=STEPS,
            correlation=LIKENESS,
            shuffled=model.deployed is not None,
        )
        write_explanation_page([_image_view(one, layer) for one in done], context, temporary / PAGE)
    return records


def _unused(name: str, used: set[str]) -> str:
    """`name`, with a number where two images of different folders are called alike."""
    number, found = 1, name
    while found.casefold() in used:
        number += 1
        found = f"{name}-{number}"
    used.add(found.casefold())
    return found


def _write_files(folder: Path, found: Sequence[Explanation]) -> None:
    folder.mkdir()
    for one in found:
        np.save(folder / f"{one.method}.npy", one.map)
        (folder / f"{one.method}-map.png").write_bytes(one.map_png())
        (folder / f"{one.method}-overlay.png").write_bytes(one.overlay_png())


def _image_view(done: Explained, layer: str | None) -> ImageView:
    """An image as the page shows it."""
    prediction = done.prediction
    return ImageView(
        name=done.subject.name,
        place=done.subject.place,
        label=prediction.label,
        confidence=prediction.confidence,
        low_confidence=prediction.low_confidence,
        picture=done.subject.tile,
        maps=tuple(_map_view(one, layer) for one in done.explanations),
    )


def _map_view(one: Explanation, layer: str | None) -> MapView:
    method, faith, sanity = method_named(one.method), one.faithfulness, one.sanity
    about = f"{method.about} Layer: {layer}." if method.layered and layer else method.about
    return MapView(
        method=MapMethod(method.title, about, one.signed),
        target=one.target,
        probability=one.probability,
        overlay=blended(one.tile, one.map, signed=one.signed),
        picture=coloured(one.map, signed=one.signed),
        empty=one.empty,
        total=float(one.map.sum()),
        constant=one.constant,
        faithfulness=None
        if faith is None
        else MapFaithfulness(
            deletion=faith.deletion,
            insertion=faith.insertion,
            random_deletion=faith.chance.deletion,
            random_insertion=faith.chance.insertion,
            gain=faith.gain,
            spread=faith.spread,
            beaten=faith.beaten,
        ),
        shuffled=None
        if sanity is None
        else ShuffledMap(coloured(sanity.map, signed=one.signed), sanity.likeness, sanity.passed),
    )


def _record(done: Explained, folder: str, model: ExplainableModel) -> dict[str, Any]:
    prediction = done.prediction
    return {
        "image": str(done.subject.path),
        "place": done.subject.place,
        "folder": folder,
        "prediction": prediction.label,
        "probabilities": prediction.probabilities,
        "low_confidence": prediction.low_confidence,
        "explained": model.explained,
        "maps": [_figures(one) for one in done.explanations],
    }


def _figures(one: Explanation) -> dict[str, Any]:
    faith, sanity = one.faithfulness, one.sanity
    return {
        "method": one.method,
        "class": one.target,
        "probability": one.probability,
        "signed": one.signed,
        "sum": float(one.map.sum()),
        "constant": one.constant,
        "empty": one.empty,
        "faithfulness": faith
        and {
            "deletion_auc": faith.deletion,
            "insertion_auc": faith.insertion,
            "random_deletion_auc": list(faith.chance.deletion),
            "random_insertion_auc": list(faith.chance.insertion),
            "random_smoothness_blocks": faith.chance.smoothness,
            "gain": faith.gain,
            "spread": faith.spread,
        },
        "sanity": sanity and {"rank_correlation": sanity.likeness, "passed": sanity.passed},
    }
