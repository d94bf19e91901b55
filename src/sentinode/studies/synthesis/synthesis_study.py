"""`sentinode study synthesis`: real patches, synthetic ones and both, at several shares of the labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from sentinode.core.files import atomic_file, write_json
from sentinode.core.messages import count, plural
from sentinode.core.progress import SILENT, Progress
from sentinode.core.settings import Settings
from sentinode.data.dataset import Dataset
from sentinode.data.pack import Pack
from sentinode.metrics.arm_comparison import ArmTable, compare_arms
from sentinode.models.bundle_writer import library_versions
from sentinode.reports import wording
from sentinode.reports.contact_sheet import Pixels, contact_sheet
from sentinode.reports.frame import Context
from sentinode.reports.study_page import Strip, write_study_page
from sentinode.studies.label_draws import draw_patches
from sentinode.studies.sample_figures import reduced
from sentinode.studies.study_folder import PAGE, RECORD, ArmStudy, begin_study, study_folder
from sentinode.studies.synthesis.share_generators import ShareGenerators
from sentinode.studies.synthesis.synthesis_arms import SynthesisArms, answers_of
from sentinode.studies.synthesis.synthesis_protocol import ARMS, MODELS, SynthesisProtocol

_SLAB = 512
_SHOWN = 12
_NOT_KNOWN = (
    "Slides are not known here: clusters of hue stand for them in the intervals. Two clusters may come from one slide, "
    "so the intervals are too narrow rather than too wide."
)
_ONE = (
    "The generator's steps without labels were done once: that another such generator would draw others is not in the "
    "intervals."
)
_MORE_COMPUTE = (
    "Arms are trained by the same number of steps, but for the arm real, which has half of them. The generator's own "
    "computing comes on top."
)
_NOT_CALIBRATED = "Probabilities are as they come: with so few labels there is nothing to set a temperature on."


@dataclass(frozen=True)
class SynthesisStudy(ArmStudy):
    """A finished study."""

    generators: Mapping[str, Mapping[str, Any]]
    """Figures of what the generators of the first seed draw, by share."""

    def to_json(self) -> dict[str, Any]:
        """A machine's answer."""
        return {**super().to_json(), "generators": dict(self.generators)}


def study_synthesis(
    address: str,
    out: str | Path,
    *,
    weights: str = "imagenet",
    features: str = "imagenet",
    overrides: Sequence[str] = (),
    settings: Settings | None = None,
    progress: Progress = SILENT,
) -> SynthesisStudy:
    """Run the protocol, or go on with it; what was trained or answered already is not done again.

    Args:
        address: The data's; patches of two classes, with a test split.
        out: Gets `study.html`, `study.json`, `plan.json`, the generators and every answer.
        weights: What the trainings start from: `imagenet`, or a file.
        features: Of the discriminator, EfficientNet-Lite0: `imagenet`, or a file.
        overrides: `key=value` of the protocol, such as `patches=1000`, and `data.key=value`.
        settings: The machine's; None: by the environment.
        progress: Where to show how far it is.

    Raises:
        RecipeError: There is no such key, or a value is wrong.
        DataError: The data has too few images, or no test split.
        GeneratorCollapseError: The generator without labels collapsed.
        StorageError: `out` holds something else, or a study of another protocol or other data.
        KeyboardInterrupt: The user stopped it; what was answered is kept.
    """
    out, settings = Path(out), settings or Settings.from_environment()
    protocol, data = begin_study(SynthesisProtocol, address, overrides, settings, progress)
    draws = draw_patches(data, protocol)
    # Weights by their names: a file's folder is this machine's.
    named = {"weights": Path(weights).name, "features": Path(features).name}
    with study_folder(out, protocol, data=draws.data.manifest.hash, **named):
        small = replace(draws, data=_reduced(draws.data, protocol.side, out / "patches"))
        generators = ShareGenerators(out, small, protocol, features, weights, settings.threads)
        arms = SynthesisArms(out, small, protocol, generators, weights, settings.threads)
        with progress.bar("study", answers_of(protocol), "models") as advance:
            for seed in protocol.seeds:
                arms.fill(seed, advance)
        tables = _tables(arms)
        figures = {
            f"{100 * share:g} % of the labels": generators.figures(share, protocol.seeds[0])
            for share in protocol.shares
        }
        study = SynthesisStudy(out, {table.name: table.arms for table in tables}, f"of {ARMS[0]}", figures)
        write_json(out / RECORD, study.to_json())
        _write_page(study, tables, arms, address)
    return study


def _reduced(data: Dataset, side: int, folder: Path) -> Dataset:
    """The same patches at the generator's side."""
    table = data.manifest.table
    rows = table["row"].to_numpy(np.int64)
    parts = [reduced(data.tiles[rows[start : start + _SLAB]], side) for start in range(0, len(rows), _SLAB)]
    with atomic_file(folder / "tiles.npy") as temporary, temporary.open("wb") as file:
        np.save(file, np.concatenate(parts), allow_pickle=False)
    manifest = replace(data.manifest, table=table.assign(row=np.arange(len(table))))
    return replace(data, manifest=manifest, pack=Pack(folder, f"{data.pack.fingerprint} at {side} px"))


def _tables(arms: SynthesisArms) -> tuple[ArmTable, ...]:
    protocol = arms.protocol
    return tuple(
        ArmTable(
            f"{title}, {100 * share:g} % of the labels ({protocol.labels(share):,})",
            compare_arms(arms.draws.held_out, {arm: arms.read(model, share, arm) for arm in ARMS}),
        )
        for model, title in MODELS.items()
        for share in protocol.shares
    )


def _write_page(study: SynthesisStudy, tables: tuple[ArmTable, ...], arms: SynthesisArms, address: str) -> None:
    protocol, draws = arms.protocol, arms.draws
    contrasts = plural(len(tables) * (len(ARMS) - 1), "contrast")
    context = Context(
        data=address,
        model="synthesis",
        facts=[
            ("Images", f"{plural(protocol.patches, 'patch')} to learn from, {count(protocol.tested)} tested"),
            ("Groups", f"{count(len(set(draws.groups.tolist())))} clusters of hue"),
            ("Seeds", count(len(protocol.seeds))),
        ],
        notes=[
            *_generator_notes(arms),
            _NOT_KNOWN,
            _ONE,
            f"Each of {contrasts} has its own 95 % interval, with no correction for looking at all.",
            _MORE_COMPUTE,
            _NOT_CALIBRATED,
        ],
        provenance={
            "Data (SHA-256)": draws.data.manifest.hash,
            "Made with": wording.versions(library_versions()),
        },
        recipe=protocol.to_toml(),
    )
    write_study_page(protocol.question, tables, _strip(arms), context, study.folder / PAGE)


def _generator_notes(arms: SynthesisArms) -> list[str]:
    """What the generators draw, of each share with the first seed, and which of all collapsed."""
    protocol, seed = arms.protocol, arms.protocol.seeds[0]
    notes = []
    for share in protocol.shares:
        found = arms.generators.figures(share, seed)
        drawn, real = found["drawn"], found["real"]
        notes.append(
            f"Drawn with {count(protocol.labels(share))} labels: Fréchet distance {drawn['frechet']['value']:.1f} "
            f"(other real patches {real['frechet']['value']:.1f}), precision {drawn['precision']['value']:.2f}, recall "
            f"{drawn['recall']['value']:.2f} ({real['recall']['value']:.2f}); {found['copies']['verdict']}."
        )
    collapsed = [
        f"{count(protocol.labels(share))} labels, seed {seed_}"
        for share in protocol.shares
        for seed_ in protocol.seeds
        if arms.generators.collapsed(share, seed_)
    ]
    if collapsed:
        notes.insert(0, f"Collapsed, and used as they were when that was seen: {'; '.join(collapsed)}.")
    return notes


def _strip(arms: SynthesisArms) -> Strip:
    protocol, data = arms.protocol, arms.draws.data
    labels, rows = data.manifest.labels("train"), list[Pixels]()
    drawn = [arms.generators.draw(share, protocol.seeds[0]) for share in protocol.shares]
    for number in range(len(data.manifest.class_names)):
        rows.append(data.images("train")[np.flatnonzero(labels == number)[:_SHOWN]])
        rows += [images[classes == number][:_SHOWN] for images, classes in drawn]
    names = " and ".join(wording.class_words(name) for name in data.manifest.class_names)
    counts = ", ".join(count(protocol.labels(share)) for share in protocol.shares)
    return Strip(
        contact_sheet(rows),
        title="Real and synthetic patches",
        alt=f"Of the classes {names} a row of real patches and below it rows of drawn ones",
        caption=f"Of each class, {names}, a row of real patches, and rows of drawn ones by generators that knew "
        f"{counts} labels. None was picked.",
    )
