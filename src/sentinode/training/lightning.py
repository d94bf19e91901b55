"""Lightning's names, imported here alone: it imports torchvision, which may need its missing operators first."""

from sentinode.models.networks.torchvision_ops import register_missing_ops

register_missing_ops()

from lightning.pytorch import Callback, LightningModule, Trainer  # noqa: E402
from lightning.pytorch.plugins.io import TorchCheckpointIO  # noqa: E402

__all__ = ["Callback", "LightningModule", "TorchCheckpointIO", "Trainer"]
