"""`sentinode study centres`: leave-one-centre-out, the robustness index, and class tied to centre, as one page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentinode.core.files import sha256_of_json, write_json
from sentinode.core.messages import count, plural
from sentinode.core.progress import SILENT, Progress
from sentinode.core.settings import Settings
from sentinode.core.stain_statistics import stain_statistics
from sentinode.data.colour_baseline import COLOUR_COLUMNS
from sentinode.metrics.arm_comparison import ArmFigures, ArmTable, compare_arms, verdict
from sentinode.metrics.robustness_index import RobustnessIndex, robustness_index
from sentinode.models.bundle_writer import library_versions
from sentinode.models.extractor import open_extractor
from sentinode.models.model_config import ModelConfig
from sentinode.reports import wording
from sentinode.reports.charts.robustness_chart import robustness_chart
from sentinode.reports.frame import Context
from sentinode.reports.study_page import TitledChart, write_study_page
from sentinode.studies.centres.centre_images import CentreImages, draw_centres
from sentinode.studies.centres.centre_questions import CentreQuestions
from sentinode.studies.centres.centres_protocol import MODELS, NEW, TIES, CentresProtocol
from sentinode.studies.study_folder import PAGE, RECORD, AnswerFolder, ArmStudy, begin_study, study_folder
from sentinode.training.features.feature_recipe import named_features

_BATCH = 256
_NEW, _TIED = "new centre", "tied centre"
_READ = (
    "A robustness index of 1 says that neighbours go by class, of 0 by centre, of 0.5 that both count alike (Kömen et "
    "al. 2025, arXiv:2507.17845); the number of neighbours is the one by which the class is told best."
)
_MANY = "Each contrast has its own 95 % interval, with no correction for looking at several."
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class CentresStudy(ArmStudy):
    """A finished study."""

    robustness: Mapping[str, RobustnessIndex]
    """By kind of embedding, in words."""
    accuracies: Mapping[str, Mapping[str, float]]
    """Table → arm → share of the tested images that are told right at one half, over seeds."""
    how: tuple[str, ...]
    """Where centres and slides come from."""

    def to_json(self) -> dict[str, Any]:
        """A machine's answer."""
        found = {name: one.to_json() for name, one in self.robustness.items()}
        accuracies = {name: dict(arms) for name, arms in self.accuracies.items()}
        return {**super().to_json(), "robustness": found, "accuracies": accuracies, "centres": list(self.how)}

    def summary(self) -> str:
        """A few lines for a person."""
        lines = [f"{name}: robustness index {one.index!s}, k = {one.k}" for name, one in self.robustness.items()]
        for name, arms in self.tables.items():
            lines.append(f"{name}: AUC {arms[0].name} {arms[0].auc!s}")
            lines += [f"  {one.name:<20} AUC {one.auc_difference!s}: {verdict(one)}" for one in arms[1:]]
        return "\n".join([*lines, *self.how, f"look at   {self.folder / PAGE}"])


def study_centres(
    address: str,
    out: str | Path,
    *,
    centres: str = "",
    weights: str = "imagenet",
    overrides: Sequence[str] = (),
    settings: Settings | None = None,
    progress: Progress = SILENT,
) -> CentresStudy:
    """Run the protocol, or go on with it; what was answered already is not asked again.

    Args:
        address: The data's; patches of two classes.
        out: Gets `study.html`, `study.json`, `plan.json` and every answer.
        centres: Empty: the data names them; `hue`: clusters of hue stand for them; else a CSV id,centre or
            group,centre.
        weights: Of the frozen features: `imagenet`, or a file.
        overrides: `key=value` of the protocol, such as `patches=1000`, and `data.key=value`.
        settings: The machine's; None: by the environment.
        progress: Where to show how far it is.

    Raises:
        RecipeError: There is no such key, or a value is wrong.
        DataError: No centre is known and none was given, or a centre has too few images.
        StorageError: `out` holds something else, or a study of another protocol or other data.
        KeyboardInterrupt: The user stopped it; what was answered is kept.
    """
    out, settings = Path(out), settings or Settings.from_environment()
    protocol, data = begin_study(CentresProtocol, address, overrides, settings, progress)
    images = draw_centres(data, protocol, centres)
    where = sha256_of_json([images.names, images.centres.tolist(), images.slides.tolist()])
    with study_folder(out, protocol, data=images.data.manifest.hash, weights=weights, centres=where):
        questions = CentreQuestions(images, _embeddings(images, protocol, weights, settings, progress), protocol)
        answers = _ask(questions, AnswerFolder(out), progress)
        robustness = {
            title: robustness_index(questions.embeddings[name], images.truths, images.centres, slides=images.slides)
            for name, title in MODELS.items()
        }
        tables, accuracies = _measured(questions, answers)
        study = CentresStudy(out, tables, "", robustness, accuracies, images.how)
        write_json(out / RECORD, study.to_json())
        _write_page(study, questions, address)
    return study


def _embeddings(
    images: CentreImages, protocol: CentresProtocol, weights: str, settings: Settings, progress: Progress
) -> dict[str, NDArray[np.floating]]:
    """Frozen features, and mean and deviation of colour, of every image."""
    model = ModelConfig.model_validate({**named_features(protocol.features)["model"], "weights": weights})
    tiles = images.tiles
    extractor = open_extractor(None, model, tile_size=tiles.shape[1], threads=settings.threads)
    parts = [extractor.embed(tiles[part]).embedding for part in progress.slabs("features", len(tiles), _BATCH)]
    return {"features": np.concatenate(parts), "colour": stain_statistics(tiles)[:, : len(COLOUR_COLUMNS)]}


def _ask(questions: CentreQuestions, folder: AnswerFolder, progress: Progress) -> dict[str, dict[str, Floats]]:
    """Table → arm → (S, n) answers."""
    seeds = questions.protocol.seeds
    asked = [(_NEW, NEW, questions.ask_new), (_TIED, tuple(TIES), questions.ask_tied)]
    total = len(MODELS) * len(seeds) * sum(len(arms) for _, arms, _ in asked)
    found: dict[str, dict[str, Floats]] = {}
    with progress.bar("study", total, "answers") as advance:
        for kind, arms, question in asked:
            for model, title in MODELS.items():
                for arm in arms:
                    names = {seed: f"{kind}-{model}-{arm}-seed{seed}".replace(" ", "-") for seed in seeds}
                    for seed, name in names.items():
                        folder.ask(name, partial(question, model, arm, seed), advance)
                    rows = np.stack([folder.read(name) for name in names.values()])
                    found.setdefault(f"{kind}, {title}", {})[arm] = rows
    return found


def _measured(
    questions: CentreQuestions, answers: Mapping[str, Mapping[str, Floats]]
) -> tuple[dict[str, tuple[ArmFigures, ...]], dict[str, dict[str, float]]]:
    tables, accuracies = {}, {}
    for name, arms in answers.items():
        held_out = questions.new if name.startswith(_NEW) else questions.tied
        tables[name] = compare_arms(held_out, arms)
        accuracies[name] = {arm: float(((rows >= 0.5) == held_out.truths).mean()) for arm, rows in arms.items()}
    return tables, accuracies


def _write_page(study: CentresStudy, questions: CentreQuestions, address: str) -> None:
    images, protocol = questions.images, questions.protocol
    one, other = questions.sides
    tested = plural(len(questions.tested), "image")
    right = "; ".join(
        f"{name}: {', '.join(f'{arm} {wording.per_cent(share)}' for arm, share in arms.items())}"
        for name, arms in study.accuracies.items()
    )
    notes = [
        *images.how,
        "Known: trained on as many images, of all centres, without those tested. Left out: of the other centres alone.",
        f"Tied: in training, negative images come from {', '.join(one)} and positive ones from {', '.join(other)}, "
        f"wholly or for three quarters; tested on {tested} in which they are not tied.",
        f"Told right at one half, mean over seeds: {right}.",
        _READ,
        _MANY,
    ]
    context = Context(
        data=address,
        model="centres",
        facts=[
            ("Images", plural(protocol.patches, "patch")),
            ("Centres", f"{count(len(images.names))}: {', '.join(images.names)}"),
            ("Robustness index", "; ".join(f"{name} {found.index!s}" for name, found in study.robustness.items())),
            ("Seeds", count(len(protocol.seeds))),
        ],
        notes=notes,
        provenance={
            "Data (SHA-256)": images.data.manifest.hash,
            "Made with": wording.versions(library_versions()),
        },
        recipe=protocol.to_toml(),
    )
    tables = tuple(ArmTable(name, tuple(arms)) for name, arms in study.tables.items())
    caption = (
        "Above one half neighbours go by class, below by centre. Dot: where the class is told best; bar: 95 % interval."
    )
    picture = TitledChart(robustness_chart(study.robustness), "Do neighbours go by class or by centre?", caption)
    write_study_page(protocol.question, tables, picture, context, study.folder / PAGE)
