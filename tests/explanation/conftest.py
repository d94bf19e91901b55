"""Small untrained models of several kinds, opened for explaining."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from helpers.model_makers import make_deployed
from sentinode.explanation.explainable_model import ExplainableModel, members_of
from sentinode.models.engines.torch_engine import TorchEngine


@pytest.fixture(scope="session")
def tiles() -> np.ndarray:
    """(3, 30, 30, 3) uint8: smooth blobs of colour."""
    coarse = np.random.default_rng(5).integers(0, 256, (3, 5, 5, 3))
    return np.kron(coarse, np.ones((1, 6, 6, 1))).astype(np.uint8)


@pytest.fixture(scope="session")
def opened_of() -> Callable[..., ExplainableModel]:
    """A model of a kind of `model_makers`, as `open_model` gives it."""
    made: dict[str, ExplainableModel] = {}

    def opened(kind: str) -> ExplainableModel:
        if kind not in made:
            torch.set_num_threads(1)
            deployed, info = make_deployed(kind)
            from sentinode.explanation.explainable_model import _prepared

            model = _prepared(deployed.eval())
            made[kind] = ExplainableModel(info, TorchEngine(model, info, 1), model, single_look=False)
            assert len(members_of(model)) == 1
        return made[kind]

    return opened
