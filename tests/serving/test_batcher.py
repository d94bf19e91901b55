"""The queue before the model."""

import asyncio
import threading

import pytest

from sentinode.serving.predictions.batcher import Batcher
from sentinode.serving.problems import Problem


def _batcher(run, **changes):
    return Batcher(run, **{"most_waiting": 100, "most_at_once": 4, "wait_s": 5.0, **changes})


def test_what_is_known_to_come_is_waited_for_and_no_longer():
    batches = []

    async def work():
        batcher = _batcher(lambda items: batches.append(items) or [item * 2 for item in items])
        with batcher.coming(3) as arrived:
            answers = []
            for item in (1, 2, 3):
                await asyncio.sleep(0.01)
                arrived()
                answers.append(batcher.submit(item))
        found = await asyncio.gather(*answers)
        await batcher.close()
        return found

    assert asyncio.run(work()) == [2, 4, 6]
    assert batches == [[1, 2, 3]]


def test_the_wait_is_bounded():
    async def work():
        batcher = _batcher(lambda items: items, wait_s=0.01)
        with batcher.coming(2) as arrived:
            arrived()
            assert await asyncio.wait_for(batcher.submit(1), 5) == 1  # the second one never comes
        await batcher.close()

    asyncio.run(work())


def test_no_batch_is_larger_than_allowed_and_the_order_holds():
    sizes = []

    async def work():
        batcher = _batcher(lambda items: sizes.append(len(items)) or items)
        answers = [batcher.submit(number) for number in range(10)]
        found = await asyncio.gather(*answers)
        await batcher.close()
        return found

    assert asyncio.run(work()) == list(range(10))
    assert max(sizes) <= 4
    assert sum(sizes) == 10


def test_what_comes_while_a_batch_runs_goes_through_together_when_it_ends():
    release, started, batches = threading.Event(), threading.Event(), []

    def run(items):
        batches.append(items)
        started.set()
        release.wait(10)
        return items

    async def work():
        batcher = _batcher(run)
        answers = [batcher.submit(0)]
        await asyncio.to_thread(started.wait, 10)
        for item in (1, 2, 3):
            answers.append(batcher.submit(item))
            await asyncio.sleep(0)
        assert batches == [[0]]
        release.set()
        await asyncio.gather(*answers)
        await batcher.close()

    asyncio.run(work())
    assert batches == [[0], [1, 2, 3]]


def test_clients_that_ask_again_and_again_stay_together_and_a_single_one_never_waits():
    batches = []

    async def client(batcher, times):
        for _ in range(times):
            await asyncio.sleep(0)  # a turn of the loop, as a request takes
            assert await batcher.submit(1) == 1

    async def work():
        # A wait that nobody would live to see the end of.
        batcher = _batcher(lambda items: batches.append(len(items)) or items, wait_s=1e6)
        await client(batcher, 3)
        assert batches == [1, 1, 1]
        with batcher.coming(3) as arrived:
            first = [batcher.submit(1) for _ in range(3) if arrived() is None]
        await asyncio.gather(*first)
        await asyncio.gather(*(client(batcher, 5) for _ in range(3)))
        await batcher.close()

    asyncio.run(work())
    assert batches == [1, 1, 1, *[3] * 6]


def test_a_full_batch_does_not_wait_for_the_one_that_runs():
    both = threading.Barrier(2, timeout=10)  # only two batches at a time get past it

    def run(items):
        both.wait()
        return items

    async def work():
        batcher = _batcher(run)
        answers = [batcher.submit(item) for item in range(5)]
        await asyncio.gather(*answers)
        await batcher.close()

    asyncio.run(work())


def test_work_whose_client_is_gone_is_dropped():
    release, seen = threading.Event(), []

    def run(items):
        release.wait(10)
        seen.extend(items)
        return items

    async def work():
        batcher = _batcher(run, most_at_once=1)
        first, second, gone = (batcher.submit(number) for number in (1, 2, 3))
        gone.cancel()
        release.set()
        await asyncio.gather(first, second)
        await batcher.close()

    asyncio.run(work())
    assert sorted(seen) == [1, 2]


def test_a_full_queue_refuses_and_forgets_what_was_given_up():
    async def work():
        batcher = _batcher(lambda items: items, most_waiting=3)
        with batcher.coming(2):
            with pytest.raises(Problem) as caught, batcher.coming(2):
                pass
            assert (caught.value.status, caught.value.headers) == (503, {"Retry-After": "1"})
        assert batcher.waiting == 0
        with batcher.coming(3):
            pass
        await batcher.close()

    asyncio.run(work())


def test_an_error_reaches_all_of_its_batch_and_the_next_batch_runs():
    def run(items):
        if 0 in items:
            raise ValueError("bad")
        return items

    async def work():
        batcher = _batcher(run, wait_s=0)
        bad = [batcher.submit(0)]
        found = await asyncio.gather(*bad, return_exceptions=True)
        assert [type(error) for error in found] == [ValueError]
        assert await batcher.submit(1) == 1
        await batcher.close()

    asyncio.run(work())
