"""The published methods against torchmil's, with the same weights. Where the two differ is said in each test."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchmil.models import ABMIL, CLAM_SB, DSMIL, TransMIL
from torchmil.nn import NystromAttention as TheirNystrom

from sentinode.models.mil.aggregator_config import AggregatorConfig
from sentinode.models.mil.aggregators.aggregator import Aggregated, Aggregator
from sentinode.models.mil.aggregators.clam_sb import ClamSb
from sentinode.models.mil.aggregators.dsmil import Dsmil
from sentinode.models.mil.aggregators.gated_attention import GatedAttention
from sentinode.models.mil.aggregators.nystrom_attention import NystromAttention
from sentinode.models.mil.aggregators.transmil import TransMil

_DIM, _HIDDEN, _SIZE = 12, 16, 8
_CONFIG = AggregatorConfig(hidden=_HIDDEN, attention_size=_SIZE)


def _bags(tiles: int) -> tuple[Tensor, Tensor]:
    """Three bags, two of them shorter than the first."""
    generator = np.random.default_rng(5)
    features = torch.from_numpy(generator.normal(size=(3, tiles, _DIM)).astype(np.float32))
    mask = torch.ones((3, tiles), dtype=torch.bool)
    mask[1, tiles // 2 :] = False
    mask[2, 1:] = False
    return features, mask


def _encoder() -> nn.Sequential:
    return nn.Sequential(nn.Linear(_DIM, _HIDDEN), nn.ReLU())


def _copy(pairs: list[tuple[nn.Module, nn.Module]]) -> None:
    """Weights of ours into theirs; of a sequence its first linear layer."""
    for ours, theirs in pairs:
        theirs.load_state_dict(ours.state_dict())


def _look(aggregator: Aggregator, features: Tensor, mask: Tensor) -> Aggregated:
    with torch.inference_mode():
        found: Aggregated = aggregator.eval()(features, mask)
    return found


def _close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def _softmax(values: Tensor, mask: Tensor) -> Tensor:
    return values.masked_fill(~mask, -torch.inf).softmax(1)


def _same_attention(ours: GatedAttention, theirs: ABMIL | CLAM_SB) -> None:
    _copy([
        (ours.encoder[0], theirs.feat_ext[0]),
        (ours.tanh[0], theirs.pool.fc1.module),
        (ours.gate[0], theirs.pool.fc_gated.module),
        (ours.weight, theirs.pool.fc2),
        (ours.classifier, theirs.classifier.module),
    ])  # fmt: skip


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (GatedAttention, ABMIL),
        # The slides' part. The tiles' loss is the paper's below: in torchmil 1.0.2 it mixes each tile with all others'
        # pseudo-labels (`SmoothTop1SVM` broadcasts labels of shape (n, 1) against (n, 2) logits).
        (ClamSb, CLAM_SB),
    ],
)
def test_abmil_and_clam(ours: type[GatedAttention], theirs: type[ABMIL | CLAM_SB]) -> None:
    torch.manual_seed(0)
    own = ours(_DIM, _CONFIG, 2)
    other = theirs((_DIM,), att_dim=_SIZE, gated=True, feat_ext=_encoder())
    _same_attention(own, other)
    features, mask = _bags(21)
    found = _look(own, features, mask)
    with torch.inference_mode():
        logits, attention = other(features, mask, return_att=True)
    _close(found.logits[:, 0], logits)
    _close(found.attention, _softmax(attention, mask))


def _smooth_svm(logits: Tensor, label: int) -> float:
    """Berrada et al. 2018, equation 6, of two classes with α = τ = 1: the mean over the tiles (n, 2)."""
    margins = logits + (torch.arange(2) != label).float() - logits[:, label : label + 1]
    return float(margins.exp().sum(1).log().mean())


def test_the_loss_of_clams_tiles() -> None:
    torch.manual_seed(0)
    ours = ClamSb(_DIM, _CONFIG, 2).eval()
    features, mask = _bags(21)
    targets = torch.tensor([1, 0, 1])
    with torch.inference_mode():
        hidden = ours.encode(features)
        attention = ours.attend(hidden, mask)
        found = ours.cluster_loss(hidden, attention, mask, targets > 0)
        for bag, own in enumerate(targets.tolist()):
            tiles, weights = hidden[bag, mask[bag]], attention[bag, mask[bag]]
            order = weights.argsort(descending=True)
            k = min(8, len(order))
            most, least = tiles[order[:k]], tiles[order[-k:]]
            inside = (
                _smooth_svm(ours.tile_classifiers[own](most), 1) + _smooth_svm(ours.tile_classifiers[own](least), 0)
            ) / 2
            outside = _smooth_svm(ours.tile_classifiers[1 - own](most), 0)
            _close(found[bag], torch.tensor(inside + outside))


def test_dsmil() -> None:
    """torchmil takes the critical tile without a look at the mask, so bags are of one length here."""
    torch.manual_seed(0)
    ours = Dsmil(_DIM, _CONFIG, 2)
    theirs = DSMIL((_DIM,), att_dim=_SIZE, nonlinear_q=True, nonlinear_v=False, feat_ext=_encoder())
    _copy([
        (ours.encoder[0], theirs.feat_ext[0]),
        (ours.tile_classifier, theirs.inst_classifier),
        (ours.query, theirs.q_nn),
        (ours.bag_classifier, theirs.bag_classifier),
    ])  # fmt: skip
    features, _ = _bags(21)
    mask = torch.ones(features.shape[:2], dtype=torch.bool)
    found = _look(ours, features, mask)
    with torch.inference_mode():
        logits, instance = theirs.predict(features, mask, return_inst_pred=True)
        _, attention = theirs(features, mask, return_att=True)
    assert found.instance is not None
    _close(found.logits[:, 0], logits)
    _close(found.instance, instance)
    _close(found.attention, attention.squeeze(2))


def _identity(linear: nn.Linear) -> None:
    with torch.no_grad():
        linear.weight.copy_(torch.eye(len(linear.weight)))
        linear.bias.zero_()


def test_nystrom_attention() -> None:
    torch.manual_seed(0)
    ours = NystromAttention(_HIDDEN, 4, 8)
    theirs = TheirNystrom(_HIDDEN, att_dim=_HIDDEN, n_heads=4, n_landmarks=8)
    _copy([(ours.projection, theirs.qkv_nn)])
    tokens = torch.randn(29, _HIDDEN)
    with torch.inference_mode():
        mixed, looks = ours(tokens)
        expected, attention = theirs(tokens[None], return_att=True)
    _close(mixed, expected[0])
    _close(looks, attention[0].mean(0)[0])


def test_transmil() -> None:
    """torchmil has no layer after the heads and no ReLU after the first one: ours is the identity for it here.

    It has no mask, so bags go one by one; its attention may be negative, and is cut where tiles are repeated.
    """
    torch.manual_seed(0)
    ours = TransMil(_DIM, _CONFIG, 2)
    theirs = TransMIL(
        (_DIM,), att_dim=_HIDDEN, n_heads=4, n_landmarks=_HIDDEN // 2, feat_ext=_encoder(), use_mlp=False
    ).eval()
    _copy([
        (ours.encoder[0], theirs.feat_ext[0]),
        (ours.norm, theirs.norm),
        (ours.classifier, theirs.classifier),
        *zip(ours.position.convolutions, (theirs.pos_layer.proj, theirs.pos_layer.proj1, theirs.pos_layer.proj2),
             strict=True),
    ])  # fmt: skip
    for layer, their_layer in zip((ours.first, ours.last), theirs.layers, strict=True):
        _copy([(layer.norm, their_layer.norm1), (layer.attention.projection, their_layer.att_module.qkv_nn)])
        _identity(layer.out[0])
    with torch.no_grad():
        theirs.cls_token.copy_(ours.class_token[None])
    for tiles in (25, 23, 7, 1):  # the first fills its square
        features, _ = _bags(tiles)
        found = _look(ours, features[:1], torch.ones((1, tiles), dtype=torch.bool))
        with torch.inference_mode():
            logits, attention = theirs(features[:1], return_att=True)
        _close(found.logits[:, 0], logits)
        if tiles == 25:
            positive = attention.clamp(min=0)
            _close(found.attention, positive / positive.sum())
