"""`sentinode study pretraining`: with and without, at several shares of the labels, by the same training."""

from collections.abc import Sequence
from pathlib import Path

from sentinode.core.files import write_json
from sentinode.core.messages import count, plural
from sentinode.core.progress import SILENT, Progress
from sentinode.core.settings import Settings
from sentinode.metrics.arm_comparison import ArmTable, compare_arms
from sentinode.models.bundle_writer import library_versions
from sentinode.reports import wording
from sentinode.reports.charts.label_chart import label_chart
from sentinode.reports.frame import Context
from sentinode.reports.study_page import TitledChart, write_study_page
from sentinode.studies.label_draws import LabelDraws, draw_patches
from sentinode.studies.pretraining.pretraining_arms import PretrainingArms, answers_of
from sentinode.studies.pretraining.pretraining_protocol import ARMS, MODELS, PretrainingProtocol
from sentinode.studies.study_folder import PAGE, RECORD, ArmStudy, begin_study, study_folder

_NOT_KNOWN = (
    "Slides are not known here: clusters of hue stand for them in the intervals. Two clusters may come from one slide, "
    "so the intervals are too narrow rather than too wide."
)
_MORE_COMPUTE = (
    "Both arms are trained by the same number of steps. Pretraining itself comes on top in the second: what it adds is "
    "not held against spending the same time otherwise."
)
_NOT_CALIBRATED = "Probabilities are as they come: with so few labels there is nothing to set a temperature on."


def study_pretraining(
    address: str,
    out: str | Path,
    *,
    weights: str = "imagenet",
    overrides: Sequence[str] = (),
    settings: Settings | None = None,
    progress: Progress = SILENT,
) -> ArmStudy:
    """Run the protocol, or go on with it; what was answered already is not done again.

    Args:
        address: The data's; patches of two classes, with a test split.
        out: Gets `study.html`, `study.json`, `plan.json`, every answer and the pretrained bundles.
        weights: What both arms start from: `imagenet`, or a file.
        overrides: `key=value` of the protocol, such as `patches=1000`, and `data.key=value`.
        settings: The machine's; None: by the environment.
        progress: Where to show how far it is.

    Raises:
        RecipeError: There is no such key, or a value is wrong.
        DataError: The data has too few images, or no test split.
        CollapseError: Pretraining collapsed.
        StorageError: `out` holds something else, or a study of another protocol or other data.
        KeyboardInterrupt: The user stopped it; what was answered is kept.
    """
    out, settings = Path(out), settings or Settings.from_environment()
    protocol, data = begin_study(PretrainingProtocol, address, overrides, settings, progress)
    draws = draw_patches(data, protocol)
    with study_folder(out, protocol, data=draws.data.manifest.hash, weights=weights):
        arms = PretrainingArms(out, draws, protocol, weights, settings.threads)
        with progress.bar("study", answers_of(protocol), "models") as advance:
            for seed in protocol.seeds:
                arms.fill(seed, advance)
        tables = _tables(arms)
        study = ArmStudy(out, {table.name: table.arms for table in tables}, "without")
        write_json(out / RECORD, study.to_json())
        _write_page(study, tables, draws, protocol, address)
    return study


def _tables(arms: PretrainingArms) -> tuple[ArmTable, ...]:
    protocol = arms.protocol
    return tuple(
        ArmTable(
            f"{title}, {100 * share:g} % of the labels ({protocol.labels(share):,})",
            compare_arms(arms.draws.held_out, {arm: arms.read(model, share, arm) for arm in ARMS}),
        )
        for model, title in MODELS.items()
        for share in protocol.shares
    )


def _write_page(
    study: ArmStudy, tables: tuple[ArmTable, ...], draws: LabelDraws, protocol: PretrainingProtocol, address: str
) -> None:
    contrasts = plural(len(tables), "contrast")
    context = Context(
        data=address,
        model="pretraining",
        facts=[
            ("Images", f"{plural(protocol.patches, 'patch')} to learn from, {count(protocol.tested)} tested"),
            ("Groups", f"{count(len(set(draws.groups.tolist())))} clusters of hue"),
            ("Seeds", count(len(protocol.seeds))),
        ],
        notes=[
            _NOT_KNOWN,
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
    labels = [protocol.labels(share) for share in protocol.shares]
    panels = {
        title: tables[place * len(labels) : (place + 1) * len(labels)] for place, title in enumerate(MODELS.values())
    }
    second = TitledChart(
        label_chart(labels, panels),
        "AUC by number of labels",
        "Mean over the seeds, with and without pretraining. Bars: 95 % intervals of each, which are not paired.",
    )
    write_study_page(protocol.question, tables, second, context, study.folder / PAGE)
