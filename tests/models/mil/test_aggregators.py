"""What every aggregator keeps, whatever its method."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from sentinode.models.mil.aggregator_config import METHODS, AggregatorConfig, Method
from sentinode.models.mil.aggregators.aggregator import Aggregated, Aggregator
from sentinode.models.mil.aggregators.table import AGGREGATORS, build_aggregator

_DIM = 12
_ORDERLESS = [method for method in METHODS if method != "transmil"]


def _aggregator(method: Method, classes: int = 2, **sizes: int) -> Aggregator:
    torch.manual_seed(3)
    aggregator = build_aggregator(
        AggregatorConfig(method=method, hidden=16, attention_size=8, k=sizes.get("k", 3)), _DIM, classes
    )
    # as fitted: away from the start's symmetries
    aggregator.centre.normal_()
    aggregator.scale.uniform_(0.5, 2)
    return aggregator.eval()


def _bag(tiles: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng([seed, tiles]).normal(size=(1, tiles, _DIM)).astype(np.float32))


def _look(aggregator: Aggregator, features: Tensor, mask: Tensor | None = None) -> Aggregated:
    with torch.inference_mode():
        found: Aggregated = aggregator(
            features, torch.ones(features.shape[:2], dtype=torch.bool) if mask is None else mask
        )
    return found


def _close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_the_table_has_every_method_in_order() -> None:
    assert tuple(AGGREGATORS) == METHODS


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("method", METHODS)
def test_attention_is_a_share_and_logits_never_rise(method: Method, classes: int) -> None:
    aggregator = _aggregator(method, classes)
    if aggregator.gaps is not None:
        torch.nn.init.normal_(aggregator.gaps, -2, 3)
    found = _look(aggregator, torch.cat([_bag(23), _bag(23, seed=1)]))
    assert found.logits.shape == (2, classes - 1)
    assert (found.logits.diff(dim=1) < 0).all()
    assert found.attention.shape == (2, 23)
    assert (found.attention >= 0).all()
    _close(found.attention.sum(1), torch.ones(2))
    assert found.instance is None or found.instance.shape == (2, 23)


@pytest.mark.parametrize("method", METHODS)
def test_padding_changes_nothing(method: Method) -> None:
    aggregator = _aggregator(method)
    bags = [_bag(tiles) for tiles in (1, 2, 17)]
    features, mask = torch.full((3, 20, _DIM), 7.0), torch.zeros((3, 20), dtype=torch.bool)
    for row, bag in enumerate(bags):
        # tiles need not stand first
        features[row, 2 : 2 + bag.shape[1]], mask[row, 2 : 2 + bag.shape[1]] = bag[0], True
    found = _look(aggregator, features, mask)
    assert not found.attention[~mask].any()
    for row, bag in enumerate(bags):
        alone = _look(aggregator, bag)
        _close(found.logits[row], alone.logits[0])
        _close(found.attention[row, mask[row]], alone.attention[0])
        if alone.instance is not None and found.instance is not None:
            _close(found.instance[row, mask[row]], alone.instance[0])


@pytest.mark.parametrize("method", METHODS)
def test_a_whole_bag_without_a_mask_gets_the_same_answer(method: Method) -> None:
    aggregator, bag = _aggregator(method), _bag(30)
    with torch.inference_mode():
        whole = aggregator.whole(torch.cat([aggregator.encode(part) for part in bag[0].split(7)]))
    found = _look(aggregator, bag)
    _close(whole.logits, found.logits)
    _close(whole.attention, found.attention)


@pytest.mark.parametrize("method", _ORDERLESS)
def test_order_is_of_no_account(method: Method) -> None:
    aggregator, bag = _aggregator(method), _bag(19)
    order = torch.from_numpy(np.random.default_rng(1).permutation(19))
    found, turned = _look(aggregator, bag), _look(aggregator, bag[:, order])
    _close(turned.logits, found.logits)
    _close(turned.attention, found.attention[:, order])


def test_order_is_of_account_to_transmil_alone() -> None:
    aggregator, bag = _aggregator("transmil"), _bag(19)
    assert (_look(aggregator, bag).logits - _look(aggregator, bag.flip(1)).logits).abs() > 1e-3


@pytest.mark.parametrize("method", [method for method in _ORDERLESS if method != "top-k"])
def test_each_tile_twice_is_the_same_bag(method: Method) -> None:
    aggregator, bag = _aggregator(method), _bag(11)
    found, twice = _look(aggregator, bag), _look(aggregator, torch.cat([bag, bag], dim=1))
    _close(twice.logits, found.logits)
    _close(twice.attention[:, :11], found.attention / 2)
    _close(twice.attention[:, 11:], found.attention / 2)


@pytest.mark.parametrize("method", METHODS)
def test_a_bag_of_one_tile(method: Method) -> None:
    found = _look(_aggregator(method), _bag(1))
    assert torch.isfinite(found.logits).all()
    _close(found.attention, torch.ones((1, 1)))


def test_top_k_is_the_mean_of_the_highest() -> None:
    aggregator, bag = _aggregator("top-k", k=4), _bag(15)
    found = _look(aggregator, bag)
    assert found.instance is not None
    highest = found.instance[0].topk(4)
    _close(found.logits[0, 0], highest.values.mean())
    assert set(found.attention[0].nonzero().flatten().tolist()) == set(highest.indices.tolist())
    few = _look(aggregator, bag[:, :2])
    assert few.instance is not None
    _close(few.logits[0, 0], few.instance.mean())


def test_top_k_shares_among_equals() -> None:
    aggregator, bag = _aggregator("top-k", k=3), _bag(5)
    best = int(_look(aggregator, bag).attention.argmax())
    found = _look(aggregator, bag[:, [best] * 4])
    _close(found.attention, torch.full((1, 4), 0.25))


def test_max_is_the_highest_tile() -> None:
    found = _look(_aggregator("max"), _bag(15))
    assert found.instance is not None
    assert found.logits[0, 0] == found.instance.max()
    assert found.attention[0, found.instance.argmax()] == 1


def test_mean_is_of_the_mean() -> None:
    aggregator, bag = _aggregator("mean"), _bag(15)
    assert aggregator.config.pools_first
    _close(_look(aggregator, bag).logits, _look(aggregator, bag.mean(1, keepdim=True)).logits)


@pytest.mark.parametrize("method", ["abmil", "clam-sb", "dsmil"])
def test_a_slide_of_attention_is_what_its_tiles_are(method: Method) -> None:
    """A bag of equal tiles is judged as the tile is."""
    aggregator, bag = _aggregator(method), _bag(1)
    _close(_look(aggregator, bag.expand(1, 9, _DIM)).logits, _look(aggregator, bag).logits)


def test_an_attention_slide_is_the_weighted_mean_of_its_tiles_logits() -> None:
    found = _look(_aggregator("abmil"), _bag(15))
    assert found.instance is not None
    _close(found.logits[0, 0], (found.attention * found.instance).sum())


def _criterion(logits: Tensor, targets: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(logits[:, 0], (targets > 0).float())


@pytest.mark.parametrize("method", METHODS)
def test_every_weight_learns(method: Method) -> None:
    aggregator = _aggregator(method, classes=4).train()
    mask = torch.ones((2, 12), dtype=torch.bool)
    mask[1, 5:] = False
    features = torch.cat([_bag(12), _bag(12, seed=1)])

    def of_all_levels(logits: Tensor, targets: Tensor) -> Tensor:
        above = (targets[:, None] > torch.arange(3)).float()
        return functional.binary_cross_entropy_with_logits(logits, above)

    aggregator.loss(features, mask, torch.tensor([2, 0]), of_all_levels).backward()
    still = [name for name, weight in aggregator.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert still == []


def test_the_highest_tiles_alone_give_the_whole_gradient() -> None:
    aggregator = _aggregator("top-k")  # evaluation mode: no dropout
    features, mask, targets = _bag(15), torch.ones((1, 15), dtype=torch.bool), torch.tensor([1])
    _criterion(aggregator(features, mask).logits, targets).backward()
    whole = [weight.grad for weight in aggregator.parameters()]
    aggregator.zero_grad()
    aggregator.loss(features, mask, targets, _criterion).backward()
    assert not aggregator.training
    for weight, expected in zip(aggregator.parameters(), whole, strict=True):
        assert weight.grad is not None
        assert expected is not None
        _close(weight.grad, expected)


@pytest.mark.parametrize("tiles", [15, 4])
def test_max_learns_from_the_highest_and_the_ten_highest(tiles: int) -> None:
    aggregator, features = _aggregator("max"), torch.cat([_bag(tiles), torch.zeros((1, 3, _DIM))], dim=1)
    mask, targets = torch.arange(tiles + 3)[None] < tiles, torch.tensor([1])
    instance = _look(aggregator, features[:, :tiles]).instance
    assert instance is not None
    highest = instance.sort(descending=True).values
    expected = [_criterion(highest[:, :k].mean(1, keepdim=True), targets) for k in (1, 10)]
    with torch.inference_mode():
        _close(aggregator.loss(features, mask, targets, _criterion), torch.stack(expected).mean())
