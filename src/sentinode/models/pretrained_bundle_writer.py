"""Writing a pretrained bundle: as a whole, or not at all."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import save

from sentinode.core.files import atomic_folder
from sentinode.models.bundle_info import CARD_FILE, PRETRAINED_INFO_FILE, SEEN_FILE, WEIGHTS_FILE
from sentinode.models.bundle_seal import write_sealed
from sentinode.models.card import card_template
from sentinode.models.networks.network import Network
from sentinode.models.pretrained_bundle import PRETRAINED_FORMAT_VERSION, PretrainedBundle, PretrainedInfo


def write_pretrained_bundle(
    folder: Path, info: PretrainedInfo, network: Network, *, seen: NDArray[np.uint64]
) -> PretrainedBundle:
    """Write a network without its head; a bundle that is there is replaced.

    Args:
        folder: Where to.
        info: All that is known; `files` and `sha256` are filled in.
        network: On the CPU.
        seen: Sorted pixel hashes of the images that it has learned from.

    Raises:
        StorageError: The disk is full or the folder can't be written.
    """
    head = f"{network.head_name}."
    tensors = {
        name: tensor.clone().contiguous() for name, tensor in network.state_dict().items() if not name.startswith(head)
    }
    with atomic_folder(folder) as temporary:
        (temporary / WEIGHTS_FILE).write_bytes(save(tensors))
        np.savez_compressed(temporary / SEEN_FILE, allow_pickle=False, train=seen)
        card = card_template("pretrained_card.md.j2").render(info=info)
        (temporary / CARD_FILE).write_text(card, encoding="utf-8")
        sealed = write_sealed(temporary / PRETRAINED_INFO_FILE, info, PRETRAINED_FORMAT_VERSION)
    return PretrainedBundle(str(folder), folder, sealed)
