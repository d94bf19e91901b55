"""The Kaggle competition: figures on labelled images that the bundle has not seen, and the file to hand in."""

from pathlib import Path

from sentinode.core.progress import SILENT, Progress
from sentinode.core.settings import Settings
from sentinode.data.selection import WHOLE
from sentinode.data.source_splits import SPLITS
from sentinode.models.bundle import open_bundle
from sentinode.studies.bundle_recipe import recipe_of
from sentinode.studies.evaluation import evaluate_bundle
from sentinode.studies.protocols.protocol_result import OUT_FOLDER, ProtocolResult, wrong_layout
from sentinode.studies.protocols.published import KAGGLE
from sentinode.studies.submission import write_submission

_NAMES = ("auc", "accuracy", "sensitivity", "specificity", "log_loss")
_NO_SLIDES = (
    "patch_id_wsi_full.csv is not there, so slides are not known: intervals take images as independent, and a part "
    "that was cut out of this data may share slides with what was trained on."
)
_HIDDEN = "The labels of test/ are the competition's: published figures are its leaderboard's, for submission.csv."


def measure_kaggle(
    name: str | Path,
    root: str | Path,
    out: str | Path,
    *,
    engine: str = "auto",
    settings: Settings | None = None,
    progress: Progress = SILENT,
) -> ProtocolResult:
    """Measure a bundle on the competition's labelled images, and score those of `test/` into `submission.csv`.

    A bundle whose recipe names this data is measured on its own test part, any other on every labelled image.

    Args:
        name: A bundle's folder or a shipped name.
        root: The competition's folder.
        out: Gets `protocol.json`, `report/`, and `submission.csv` where there is `test/`.
        engine: `auto`, `openvino` or `torch`.
        settings: The machine's; None: by the environment.
        progress: Where to show how far it is.

    Raises:
        DataError: The layout is another one; the message says what was looked for and what was found.
        LeakError: The bundle has learned from these images.
    """
    root, out, settings = Path(root), Path(out), settings or Settings.from_environment()
    bundle = open_bundle(name)
    OUT_FOLDER.check(out)
    if not (root / "train_labels.csv").is_file() or not (root / "train").is_dir():
        raise wrong_layout(KAGGLE, root)
    address = f"kaggle:{root}"
    own = recipe_of(bundle).data.source.startswith("kaggle:")
    assessment = evaluate_bundle(
        name, address, out / "report", split=SPLITS[-1] if own else WHOLE, engine=engine, settings=settings,
        progress=progress,
    )  # fmt: skip
    notes = [] if (root / "patch_id_wsi_full.csv").is_file() else [_NO_SLIDES]
    pages = [out / "report" / "report.html"]
    if (root / "test").is_dir():
        written = write_submission(
            name, address, out / "submission.csv", engine=engine, settings=settings, progress=progress
        )
        notes.append(_HIDDEN)
        pages.append(written.path)
    found = {one: assessment.metrics[one] for one in _NAMES if one in assessment.metrics}
    label = "the bundle's own test part" if own else "every labelled image"
    return ProtocolResult(out, KAGGLE, assessment.n, {label: found}, tuple(notes), tuple(pages)).save()
