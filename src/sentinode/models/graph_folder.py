"""A model as two files in one folder: the ONNX graph, and the weights that it takes from beside it.

A file of ONNX is one message of protobuf and holds 2.1 GB; what lies beside it may be of any size. So the largest
networks are written and run like the small ones, and their weights are on the disk once.
"""

from pathlib import Path

from onnx import ModelProto
from safetensors.torch import save_file

from sentinode.core.files import storage_errors
from sentinode.models.bundle_info import GRAPH_FILE, WEIGHTS_FILE
from sentinode.models.deployed_model import DeployedModel
from sentinode.models.model_config import Storage
from sentinode.models.networks.heads import can_be_halved
from sentinode.models.networks.network import Network
from sentinode.models.onnx_export import export_graph, round_weights
from sentinode.models.onnx_graph import save_beside_weights


def write_graph_folder(deployed: DeployedModel, storage: Storage, folder: Path) -> None:
    """Write `weights.safetensors` and `model.onnx`. Memory: the weights twice, the model's own included.

    Args:
        deployed: On the CPU. Its weights are rounded in place to `storage`.
        storage: Precision of the weights.
        folder: An empty one.

    Raises:
        WeightsError: A weight is beyond float16's range.
        StorageError: The disk is full or the folder can't be written.
    """
    with storage_errors(folder):
        round_weights(deployed.network, storage)
        _save_weights(deployed.network, storage, folder / WEIGHTS_FILE)
        graph: ModelProto = export_graph(deployed, storage)
        save_beside_weights(graph, folder / GRAPH_FILE)


def _save_weights(network: Network, storage: Storage, path: Path) -> None:
    halved = can_be_halved(network) if storage == "float16" else set()
    save_file(
        {
            name: (tensor.half() if name in halved else tensor).contiguous()
            for name, tensor in network.state_dict().items()
        },
        path,
    )
