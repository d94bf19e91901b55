"""From a finished pretraining to its bundle."""

import datetime
from pathlib import Path

from sentinode.core.files import sha256_of_json
from sentinode.core.messages import plural
from sentinode.models.bundle_info import Input, Provenance
from sentinode.models.bundle_writer import library_versions
from sentinode.models.pretrained_bundle import PretrainedBundle, PretrainedInfo, PretrainingRecord, Probed
from sentinode.models.pretrained_bundle_writer import write_pretrained_bundle
from sentinode.training.pretraining.pretrain_recipe import PretrainRecipe
from sentinode.training.pretraining.pretraining_fit import Pretrained
from sentinode.training.pretraining.pretraining_images import PretrainingImages
from sentinode.training.pretraining.pretraining_log import best_row
from sentinode.training.pretraining.probe import LABELLED, WORDS

_ALWAYS = "A probe says how the embeddings do on the images held out here, not on those of another laboratory."
_CHOSEN = "The probe chose the step whose weights were kept, so its value there flatters them a little."
_NO_LABELS = "The probe had no labels: it says that images are still told apart, not that tumour is."


def write_pretrained(
    recipe: PretrainRecipe, images: PretrainingImages, done: Pretrained, folder: Path
) -> PretrainedBundle:
    """Write the bundle.

    Raises:
        StorageError: The disk is full or the folder can't be written.
    """
    seen = done.preprocessing
    resolved = recipe.model_dump(mode="json", exclude_none=True)
    model = recipe.model.model_copy(update={"mean": seen.mean, "std": seen.std})
    info = PretrainedInfo(
        name=recipe.name or "pretrained",
        description=recipe.description,
        input=Input(tile_size=seen.tile_size, mpp=images.mpp, input_size=seen.input_size, mean=seen.mean, std=seen.std),
        model=model,
        embedding_size=done.network.embedding_size,
        pretraining=_record(recipe, images, done),
        provenance=Provenance(
            recipe=resolved,
            recipe_sha256=sha256_of_json(resolved),
            data_sha256=images.sha256,
            split_sha256=images.sha256,
            libraries=library_versions(),
            created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            trained_on=f"{plural(len(images.learned), 'image')} of {images.described}.",
            started_from=done.network.origin,
        ),
        limits=_limits(done),
    )
    return write_pretrained_bundle(folder, info, done.network, seen=images.seen)


def _record(recipe: PretrainRecipe, images: PretrainingImages, done: Pretrained) -> PretrainingRecord:
    config = recipe.pretraining
    return PretrainingRecord(
        method=config.method,
        images=len(images.learned),
        steps=done.rows[-1].step,
        batch_size=min(config.batch_size, len(images.learned)),
        kept_step=best_row(done.rows).step,
        probe=WORDS[done.probe],
        curve=tuple(Probed(step=row.step, value=row.probe, embedding_rank=row.embedding_rank) for row in done.rows),
        fell=done.fell,
    )


def _limits(done: Pretrained) -> tuple[str, ...]:
    start, best = done.rows[0].probe, best_row(done.rows).probe
    found = [_ALWAYS, _CHOSEN if done.probe in LABELLED else _NO_LABELS]
    if best <= start:
        found.insert(0, f"The probe never rose above its start ({start:.4f}): expect nothing of this pretraining.")
    return tuple(found)
