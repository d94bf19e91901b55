import numpy as np
import pytest

from sentinode.models.mil import bag_view
from sentinode.models.mil.bag_view import ArrayBag, mean_bag
from sentinode.training.mil.bag_batches import BagBatches, standardisation
from sentinode.training.mil.bag_validation import held_out

_LENGTHS = (3, 40, 1, 17, 8)


def _bags() -> list[ArrayBag]:
    """Each tile's first feature is the bag's number, its second the tile's."""
    bags = []
    for bag, length in enumerate(_LENGTHS):
        tiles = np.stack([np.full(length, bag), np.arange(length)], axis=1)
        bags.append(ArrayBag(f"s{bag}", tiles.astype(np.float16)))
    return bags


def _batches(*, instances: int = 100, instance_dropout: float = 0.0, seed: int = 1) -> BagBatches:
    targets = np.array([0, 1, 0, 1, 0])
    return BagBatches(_bags(), targets, batch_size=2, instances=instances, instance_dropout=instance_dropout, seed=seed)


def _seen(batches: BagBatches, epoch: int) -> dict[int, list[int]]:
    """Bag → its tiles, in the order of the epoch."""
    seen: dict[int, list[int]] = {}
    for batch in batches.epoch(epoch):
        for features, mask, target in zip(batch.features, batch.mask, batch.targets, strict=True):
            assert not features[~mask].any()
            bag = int(features[0, 0])
            assert int(target) == bag % 2
            assert bag not in seen
            seen[bag] = features[mask][:, 1].int().tolist()
    return seen


def test_an_epoch_has_every_bag_once_with_all_its_tiles() -> None:
    assert _seen(_batches(), 1) == {bag: list(range(length)) for bag, length in enumerate(_LENGTHS)}
    assert len(list(_batches().epoch(1))) == len(_batches()) == 3


def test_a_large_bag_is_sampled_anew_in_each_epoch() -> None:
    batches = _batches(instances=10)
    first, second = _seen(batches, 1), _seen(batches, 2)
    assert [len(first[bag]) for bag in range(5)] == [3, 10, 1, 10, 8]
    assert first[1] == sorted(set(first[1]))
    assert first[1] != second[1]
    assert first[0] == second[0] == [0, 1, 2]


def test_an_epoch_is_a_function_of_seed_and_epoch() -> None:
    batches = _batches(instances=10)
    list(batches.epoch(1))
    again = _seen(batches, 2)
    assert list(again.items()) == list(_seen(_batches(instances=10), 2).items())
    assert again != _seen(_batches(instances=10, seed=2), 2)


def test_instance_dropout_leaves_a_tile() -> None:
    batches = _batches(instance_dropout=0.9)
    counts = np.array([[len(_seen(batches, epoch)[bag]) for bag in range(5)] for epoch in range(40)])
    assert counts.min() == 1
    assert counts[:, 1].mean() == pytest.approx(0.1 * 39 + 1, abs=1.2)


def test_the_mean_of_a_bag_is_taken_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bag_view, "CHUNK", 7)
    bag = ArrayBag("a", np.random.default_rng(0).normal(size=(30, 5)).astype(np.float16))
    mean = mean_bag(bag)
    assert len(mean) == 1
    np.testing.assert_allclose(mean.features()[0], bag.features().mean(axis=0), atol=1e-6)


def test_standardisation_weighs_bags_alike() -> None:
    small, large = np.full((2, 2), 1.0), np.full((190, 2), 3.0)
    small[:, 1] = large[:, 1] = 5  # does not vary
    centre, scale = standardisation([ArrayBag("a", small), ArrayBag("b", large)], 0)
    np.testing.assert_allclose(centre, [2, 5])
    np.testing.assert_allclose(scale, [1, 1])


def test_validation_holds_out_whole_patients_of_every_class() -> None:
    patients = [f"p{row // 2}" for row in range(40)]
    targets = np.array([int(row // 2 % 4 == 0 and row % 2) for row in range(40)])  # a quarter of the patients
    outside = held_out(targets, patients, 0.2, 7)
    names = {patient for patient, out in zip(patients, outside, strict=True) if out}
    assert outside.tolist() == [patient in names for patient in patients]
    assert len(names) == 4  # 1 of 5 with a positive slide, 3 of 15 without
    assert targets[outside].sum() == 1
    assert outside.tolist() == held_out(targets, patients, 0.2, 7).tolist()
    assert outside.tolist() != held_out(targets, patients, 0.2, 8).tolist()
