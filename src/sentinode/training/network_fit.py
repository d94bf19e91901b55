"""From a data set and a recipe to fitted weights, in a run folder that can be resumed after any interruption."""

import ctypes
import logging
import pickle
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch.utils.data import BatchSampler, SequentialSampler

from sentinode.core.errors import RecipeError, TrainingError
from sentinode.core.progress import Progress
from sentinode.data.dataset import Dataset
from sentinode.models.model_config import ModelConfig
from sentinode.models.networks.architectures import build_network
from sentinode.models.networks.network import Network
from sentinode.models.networks.normalisation import normalisation
from sentinode.models.networks.weights import load_weights
from sentinode.models.preprocessing import Preprocessing
from sentinode.training.batches import PackedBatches, Share, fits, loader
from sentinode.training.callbacks import BEST, LAST, AtomicCheckpoints, Bar, EarlyEnd, LastCheckpoint, RunLog, is_over
from sentinode.training.classifier import PatchClassifier
from sentinode.training.distillation import load_teacher
from sentinode.training.lightning import Trainer
from sentinode.training.losses import build_loss, class_weights
from sentinode.training.recipe import Recipe
from sentinode.training.training_config import TrainingConfig
from sentinode.training.training_images import TrainingImages, train_order, training_images

_ACCELERATORS = {"auto": "auto", "cpu": "cpu", "cuda": "gpu", "mps": "mps"}
_PRECISIONS = {"float32": "32-true", "bfloat16": "bf16-mixed", "float16": "16-mixed"}

# Parameters of mallopt(3) and what glibc begins with; see its manual page.
_TRIM_THRESHOLD, _TRIM_THRESHOLD_BYTES = -1, 128 << 10
_MMAP_MAX, _MMAP_MAX_COUNT = -4, 65_536
_NEVER = (1 << 31) - 1


@dataclass(frozen=True)
class Fitted:
    """A network with the weights that were kept, and the log of how it got there."""

    network: Network
    preprocessing: Preprocessing
    log: list[dict[str, float]]


def fit(
    recipe: Recipe,
    data: Dataset,
    run: Path,
    *,
    threads: int,
    progress: Progress,
    stop: Callable[[Sequence[dict[str, float]]], bool] | None = None,
) -> Fitted | None:
    """Train, or go on with training from the run's last checkpoint.

    Args:
        recipe: The resolved recipe.
        data: Its data, with a split for each image.
        run: The run folder; gets `log.csv`, `timings.csv` and `checkpoints/`.
        threads: CPU threads.
        progress: Where to show how far it is.
        stop: Asked after each epoch that is not the last, with the log's rows so far; True ends the training there.

    Returns:
        What was fitted; None in every process but the first when several devices train.

    Raises:
        TrainingError: The loss is not finite, or the run's checkpoint can't be read.
        WeightsError, RecipeError: The model can't be built as the recipe says.
        KeyboardInterrupt: The user stopped it; the last full epoch is kept.
    """
    torch.set_num_threads(threads)
    torch.manual_seed(recipe.seed)
    config = recipe.training
    options = trainer_options(config, run)
    network, preprocessing = build_model(recipe, data)
    images = training_images(recipe, data)
    classifier = build_classifier(recipe, data, network, preprocessing, images)
    checkpoint = run / "checkpoints" / LAST
    log = RunLog(run, config)
    log.rows = checkpoint_log(run)
    if not is_over(log.rows, config):
        count = config.epoch_images or len(images.labels)
        total, done = config.epochs * count, len(log.rows) * count
        bar = progress.bar("training", total, "images", done=done)
        with bar as advance, quiet_lightning(), reuse_freed_memory():
            callbacks = [log, LastCheckpoint(run, log), Bar(advance, config)]
            callbacks += [EarlyEnd(log, stop)] if stop else []
            trainer = Trainer(callbacks=callbacks, **options)
            _run(trainer, classifier, data, images, checkpoint if log.rows else None, recipe.seed)
        if not trainer.is_global_zero:
            return None
    log.write()
    _load_kept(network, run, config)
    return Fitted(network.cpu().eval(), preprocessing.cpu(), log.rows)


def build_model(recipe: Recipe, data: Dataset) -> tuple[Network, Preprocessing]:
    """The recipe's network with its starting weights, and the preprocessing for the data's tiles.

    Raises:
        RecipeError: The tiles are not square.
        WeightsError: The weights do not fit.
    """
    height, width = data.tiles.shape[1:3]
    if height != width:
        raise RecipeError(f"the images are {width}×{height} px; a classifier needs square ones: crop or pad them first")
    model = recipe.model
    network = build_network(model, model.outputs(len(data.manifest.class_names)), tile_size=height)
    load_weights(network, model)
    preprocessing = Preprocessing(height, model.input_size, *normalisation(model))
    _check_sizes(model, network, preprocessing.input_size)
    return network, preprocessing


def _check_sizes(model: ModelConfig, network: Network, size: int) -> None:
    """Find out before hours of training that the network can't see images of a size that is wanted at test time."""
    if size in model.test_time_sizes:
        raise RecipeError(f"model.test_time_sizes has {size} px, which the network sees anyway; leave it out")
    channels = 6 if network.sees_context else 3
    for other in (*model.test_time_sizes, *([model.training_size] if model.training_size else [])):
        try:
            with torch.inference_mode():
                network.eval()(torch.zeros(1, channels, other, other))
        except (RuntimeError, AssertionError) as error:
            raise RecipeError(
                f"{model.architecture} can't see images of {other} px ({str(error).splitlines()[0]}); correct "
                "model.test_time_sizes or model.training_size"
            ) from error


def build_classifier(
    recipe: Recipe, data: Dataset, network: Network, preprocessing: Preprocessing, images: TrainingImages
) -> PatchClassifier:
    """The Lightning module that fits `network` to `images`, the data's training split.

    Raises:
        BundleError, RecipeError: There is no such teacher, or it is one for other images.
    """
    config, manifest = recipe.training, data.manifest
    labels = manifest.labels("train")
    weights = class_weights(config.class_weight, labels, len(manifest.class_names))
    loss = build_loss(config, recipe.model.head, weights)
    teacher = load_teacher(config, manifest.class_names, preprocessing.tile_size) if config.teacher else None
    return PatchClassifier(
        network,
        preprocessing,
        loss,
        config,
        trainable=recipe.model.trainable,
        head_first_epochs=recipe.model.head_first_epochs,
        steps_per_epoch=len(train_order(config, images, recipe.seed, Share(0, config.devices))),
        seed=recipe.seed,
        training_size=recipe.model.training_size,
        appearances=images.appearances,
        teacher=teacher,
    )


def _run(
    trainer: Trainer,
    classifier: PatchClassifier,
    data: Dataset,
    images: TrainingImages,
    checkpoint: Path | None,
    seed: int,
) -> None:
    config, tiles = classifier.config, data.inputs(context=classifier.network.sees_context)
    share = Share(trainer.global_rank, trainer.world_size)
    manifest = data.manifest
    order = train_order(config, images, seed, share)
    device = trainer.strategy.root_device
    count = len(images.labels) + len(manifest.rows("validation"))
    held = device if fits(device, count, int(np.prod(tiles.shape[1:]))) else None
    sets = {
        "train": PackedBatches(
            tiles,
            manifest.rows("train"),
            images.labels,
            appearances=None if images.appearances is None else images.appearances.of_image,
            more=images.more,
            device=held,
        ),
        "validation": PackedBatches(tiles, manifest.rows("validation"), manifest.labels("validation"), device=held),
    }
    # Each of several processes validates on everything: they need not wait for shares of unequal size.
    validation_order = BatchSampler(SequentialSampler(sets["validation"]), 2 * config.batch_size, drop_last=False)
    copied = device.type == "cuda" and held is None
    train = loader(sets["train"], order, on_gpu=copied)
    validation = loader(sets["validation"], validation_order, on_gpu=copied)
    try:
        trainer.fit(classifier, train, validation, ckpt_path=checkpoint)
    except SystemExit as error:
        # Lightning turns Ctrl-C into sys.exit(1); the command line has its own exit status for it.
        raise KeyboardInterrupt from error
    if trainer.interrupted:
        raise KeyboardInterrupt


def trainer_options(config: TrainingConfig, run: Path) -> dict[str, Any]:
    """Options of the trainer: what runs where, and none of the files and messages that Lightning adds by itself."""
    cuda = torch.cuda.is_available() and config.accelerator in ("auto", "cuda")
    if config.accelerator == "cuda" and not cuda:
        raise RecipeError('training.accelerator = "cuda", but torch finds no CUDA device here; use "auto" or "cpu"')
    if config.accelerator == "mps" and not torch.backends.mps.is_available():
        raise RecipeError('training.accelerator = "mps", but torch finds no Apple GPU here; use "auto" or "cpu"')
    precision = config.precision
    if precision == "auto":
        precision = ("bfloat16" if torch.cuda.is_bf16_supported() else "float16") if cuda else "float32"
    if precision == "float16" and not cuda:
        raise RecipeError('training.precision = "float16" needs a CUDA device; use "auto", "float32" or "bfloat16"')
    return {
        "accelerator": _ACCELERATORS[config.accelerator],
        "devices": config.devices,
        "strategy": "ddp" if config.devices > 1 else "auto",
        "precision": _PRECISIONS[precision],
        "max_epochs": config.epochs,
        "gradient_clip_val": config.gradient_clip or None,
        "default_root_dir": run,
        "plugins": [AtomicCheckpoints()],
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "use_distributed_sampler": False,
        "num_sanity_val_steps": 0,
    }


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Leave out the lines about devices and plug-ins, and the advice on workers that our loaders don't need."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*does not have many workers.*")
            # Frozen batch norms stay in evaluation mode on purpose.
            warnings.filterwarnings("ignore", message=".*in eval mode at the start of training.*")
            # Lightning 2.6 beside torch 2.13: its own use of a torch class that is going away.
            warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
            yield
    finally:
        logger.setLevel(level)


def checkpoint_log(run: Path) -> list[dict[str, float]]:
    """The rows of a run's log, to the last digit, which `log.csv` rounds; none when there is no checkpoint yet.

    Raises:
        TrainingError: The checkpoint can't be read.
    """
    checkpoint = run / "checkpoints" / LAST
    if not checkpoint.exists():
        return []
    try:
        loaded = AtomicCheckpoints().load_checkpoint(checkpoint)
        return list(loaded["callbacks"][RunLog.__qualname__]["rows"])
    except (KeyError, RuntimeError, EOFError, OSError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        message = f"{checkpoint} can't be read ({reason}); delete it to train from the start"
        raise TrainingError(message) from error


def _load_kept(network: Network, run: Path, config: TrainingConfig) -> None:
    """Put the weights that the recipe keeps into `network`."""
    if config.keep == "best":
        state = load_file(run / "checkpoints" / BEST)
    else:
        whole = AtomicCheckpoints().load_checkpoint(run / "checkpoints" / LAST)["state_dict"]
        prefix = "average.module." if config.average_decay else "network."
        state = {name.removeprefix(prefix): value for name, value in whole.items() if name.startswith(prefix)}
    network.load_state_dict(state)


@contextmanager
def reuse_freed_memory() -> Iterator[None]:
    """Keep freed memory while the block runs, and give it back at its end; does nothing where malloc isn't glibc's.

    By default glibc asks the system for every large tensor, and gives it back when the tensor goes. On a CPU each step
    then pays a page fault for every 4 KiB of its activations, which can take as long as the step's arithmetic.
    """
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    if libc is None or not hasattr(libc, "mallopt") or not hasattr(libc, "malloc_trim"):
        yield
        return
    libc.mallopt(_MMAP_MAX, 0)
    libc.mallopt(_TRIM_THRESHOLD, _NEVER)
    try:
        yield
    finally:
        libc.mallopt(_MMAP_MAX, _MMAP_MAX_COUNT)
        libc.mallopt(_TRIM_THRESHOLD, _TRIM_THRESHOLD_BYTES)
        libc.malloc_trim(0)
