import numpy as np
import pytest
from torch.utils.data import BatchSampler, SequentialSampler

from sentinode.training import batches
from sentinode.training.batches import EpochOrder, PackedBatches, Share, loader, shards_of

LABELS = np.array([0] * 90 + [1] * 13, dtype=np.int64)


def epoch(order: EpochOrder, number: int) -> list[list[int]]:
    order.set_epoch(number)
    return list(order)


def test_an_epoch_visits_each_image_once_and_leaves_out_the_short_batch() -> None:
    order = EpochOrder(LABELS, batch_size=10, sampling="shuffled", seed=1)
    batches = epoch(order, 0)
    assert [len(batch) for batch in batches] == [10] * 10 == [10] * len(order)
    assert len({position for batch in batches for position in batch}) == 100


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    one, two = (EpochOrder(LABELS, batch_size=10, sampling="shuffled", seed=1) for _ in range(2))
    assert epoch(one, 3) == epoch(two, 3) != epoch(two, 4)
    assert epoch(one, 3) != epoch(EpochOrder(LABELS, batch_size=10, sampling="shuffled", seed=2), 3)


def test_balanced_sampling_draws_the_classes_equally_often() -> None:
    order = EpochOrder(LABELS, batch_size=10, sampling="balanced", seed=1)
    drawn = [LABELS[position] for number in range(20) for batch in epoch(order, number) for position in batch]
    assert np.mean(drawn) == pytest.approx(0.5, abs=0.04)  # 2,000 draws: three standard deviations


def test_processes_share_an_epoch_without_overlap() -> None:
    shares = [EpochOrder(LABELS, batch_size=10, sampling="shuffled", seed=1, share=Share(rank, 3)) for rank in range(3)]
    seen = [position for order in shares for batch in epoch(order, 5) for position in batch]
    assert len(seen) == len(set(seen)) == 90
    assert {len(order) for order in shares} == {3}


def test_a_set_smaller_than_a_batch_still_gives_one() -> None:
    order = EpochOrder(LABELS[:5], batch_size=32, sampling="shuffled", seed=1)
    assert [sorted(batch) for batch in epoch(order, 0)] == [[0, 1, 2, 3, 4]]


def test_an_epoch_of_part_of_the_images_goes_on_where_the_last_one_ended() -> None:
    whole = EpochOrder(LABELS, batch_size=10, sampling="shuffled", seed=1)
    parts = EpochOrder(LABELS, batch_size=10, sampling="shuffled", seed=1, epoch_images=40)
    assert len(parts) == 4
    together = [batch for number in range(5) for batch in epoch(parts, number)]
    assert together == [*epoch(whole, 0), *epoch(whole, 1)]


def test_streaming_reads_every_image_once_and_a_few_shards_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is held at a time does not grow with the number of images: a window of shards, however many there are."""
    monkeypatch.setattr(batches, "WINDOW", 3)
    monkeypatch.setattr(batches, "SHARD_BYTES", 1000)
    for images in (400, 4000):
        shards = shards_of(np.arange(images) + 70, 100)  # ten tiles each
        labels = np.zeros(images, np.int64)
        order = EpochOrder(labels, batch_size=10, sampling="streamed", seed=1, shards=shards)
        found = epoch(order, 0)
        assert sorted(position for batch in found for position in batch) == list(range(images))
        windows = [np.concatenate(found[start : start + 3]) for start in range(0, len(found), 3)]
        assert {len(np.unique(shards[window])) for window in windows[:-1]} == {3}
        assert all(len(np.unique(shards[batch])) > 1 for batch in found[:3])  # shuffled within the window
        assert found != epoch(order, 1)


def test_batches_hold_the_rows_that_the_manifest_names() -> None:
    tiles = np.arange(7 * 4 * 6 * 3, dtype=np.uint8).reshape(7, 4, 6, 3)
    data = PackedBatches(tiles, rows=np.array([6, 2, 5]), labels=np.array([1, 0, 1]))
    (images, labels), (rest, _) = loader(data, BatchSampler(SequentialSampler(data), 2, drop_last=False), on_gpu=False)
    assert np.array_equal(images.numpy(), tiles[[6, 2]])
    assert labels.tolist() == [1, 0]
    assert np.array_equal(rest.numpy(), tiles[[5]])
