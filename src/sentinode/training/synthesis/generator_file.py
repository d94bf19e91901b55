"""A finished generator as one file: its weights as safetensors, and beside them what it draws."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from sentinode.core.errors import WeightsError
from sentinode.core.files import atomic_file
from sentinode.training.synthesis.generator import Generator, GeneratorShape, draw_images

GENERATOR_FILE = "generator.safetensors"
_KEY = "sentinode"


@dataclass(frozen=True, eq=False)
class FinishedGenerator:
    """What draws patches."""

    generator: Generator
    class_names: tuple[str, ...]
    data_sha256: str
    """Of what it has learned from and was watched by."""
    mpp: float | None
    """µm per pixel of what it draws; None: not known."""

    def draw(self, amount: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Patches, equally many of each class up to one, and their classes: (N, S, S, 3) uint8 and (N,)."""
        classes = np.arange(amount, dtype=np.int64) % len(self.class_names)
        return draw_images(self.generator, classes, seed), classes


def write_generator(finished: FinishedGenerator, path: Path) -> None:
    """Write it; the same generator gives the same bytes.

    Raises:
        StorageError: The disk is full or the folder can't be written.
    """
    facts = {
        "shape": asdict(finished.generator.shape),
        "class_names": finished.class_names,
        "data_sha256": finished.data_sha256,
        "mpp": finished.mpp,
    }
    state = {name: value.detach().contiguous() for name, value in finished.generator.state_dict().items()}
    with atomic_file(path) as temporary:
        temporary.write_bytes(save(state, {_KEY: json.dumps(facts, sort_keys=True)}))


def read_generator(path: Path) -> FinishedGenerator:
    """Read what `write_generator` wrote.

    Raises:
        WeightsError: There is no such file, it is damaged, or it holds something else.
    """
    if not path.is_file():
        raise WeightsError(f"there is no generator {path}; give the folder of a run that has finished")
    try:
        with safe_open(path, "pt") as file:
            facts = json.loads((file.metadata() or {})[_KEY])
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        generator = Generator(GeneratorShape(**facts["shape"]))
        generator.load_state_dict(state)
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(f"{path} is no generator of this version ({reason}); it may be truncated") from error
    return FinishedGenerator(generator.eval(), tuple(facts["class_names"]), facts["data_sha256"], facts["mpp"])
