"""Processes with a deadline and a bound on memory: what ends one, what rests then, and that another takes its place."""

import os
import signal
import threading

import numpy as np
import pytest
from PIL import Image

from sentinode.serving.problems import Problem
from sentinode.serving.workers.bounded_workers import (
    BoundedWorkers,
    LostWorkerError,
    OverdueJobError,
    WorkerFailedError,
)
from sentinode.testing.hostile_slides import one_tile_everywhere

MIB = 1 << 20


@pytest.fixture
def giant(tmp_path):
    """A job whose thumbnail takes minutes, and one whose facts take no time."""
    path = tmp_path / "giant.tif"
    path.write_bytes(one_tile_everywhere(262_144, 2048))
    job = {"path": str(path), "version": "1", "most": 2, "cache_bytes": 16 * MIB}
    return {"view": "thumbnail", "max_side": 500, **job}, {"view": "facts", **job}


@pytest.fixture
def make():
    """Makes workers, and ends them."""
    made = []

    def run(count=1, deadline_s=60.0, memory_bytes=1280 * MIB):
        made.append(BoundedWorkers("sentinode.serving.slides.slide_child", count, deadline_s, memory_bytes))
        return made[-1]

    yield run
    for one in made:
        one.close()


def test_a_job_that_takes_too_long_is_ended_and_rests_while_others_are_done(make, giant):
    thumbnail, facts = giant
    workers = make(deadline_s=5.0)
    assert workers.ask("giant", "facts", facts)["width"] == 262_144
    (before,) = workers.pids
    with pytest.raises(OverdueJobError):
        workers.ask("giant", "thumbnail", thumbnail)
    with pytest.raises(Problem, match="a moment ago") as refused:
        workers.ask("giant", "thumbnail", thumbnail)
    assert refused.value.status == 503
    assert 1 <= int(refused.value.headers["Retry-After"]) <= 30
    assert workers.ask("giant", "facts", facts)["width"] == 262_144
    assert workers.pids != [before]


def test_a_process_that_ends_is_told_and_replaced(make, giant):
    _, facts = giant
    workers = make()
    workers.start()
    (pid,) = workers.pids
    os.kill(pid, signal.SIGSTOP)
    killer = threading.Timer(1.0, os.kill, (pid, signal.SIGKILL))
    killer.start()
    with pytest.raises(LostWorkerError):
        workers.ask("giant", "facts", facts)
    killer.join()
    assert workers.ask("other", "facts", facts)["height"] == 262_144


def test_memory_beyond_the_bound_is_refused_in_words_and_the_process_goes_on(make, giant, tmp_path):
    _, facts = giant
    Image.fromarray(np.zeros((9000, 9000, 3), np.uint8)).save(tmp_path / "large.png", compress_level=1)
    workers = make(memory_bytes=400 * MIB)
    large = {**facts, "path": str(tmp_path / "large.png")}
    with pytest.raises(WorkerFailedError, match=r"large\.png needs more memory.*pyramid") as failed:
        workers.ask("large", "facts", large)
    assert failed.value.kind == "SlideError"
    before = workers.pids
    assert workers.ask("giant", "facts", facts)["levels"] == 1
    assert workers.pids == before


def test_one_that_was_slow_leaves_a_process_for_others(make, giant):
    thumbnail, facts = giant
    workers = make(count=2, deadline_s=5.0)
    workers.start()
    with pytest.raises(OverdueJobError):
        workers.ask("giant", "thumbnail", thumbnail)
    assert workers.ask("honest", "facts", facts)["levels"] == 1
    workers._serving_unproven = 1  # as while a view of another unproven slide is drawn
    with pytest.raises(Problem, match="too long before"):
        workers.ask("giant", "facts", facts)
    assert workers.ask("honest", "facts", facts)["levels"] == 1


def test_slides_never_seen_before_leave_a_process_for_those_that_were(make, giant):
    thumbnail, facts = giant
    workers = make(count=2, deadline_s=6.0)
    workers.start()
    assert workers.ask("honest", "facts", facts)["levels"] == 1
    ended = []

    def ask(number):
        with pytest.raises((OverdueJobError, Problem)):
            workers.ask(f"giant {number}", "thumbnail", thumbnail)
        ended.append(number)

    hostile = [threading.Thread(target=ask, args=(number,)) for number in range(3)]
    for thread in hostile:
        thread.start()
    for _ in range(5):
        assert workers.ask("honest", "facts", facts)["levels"] == 1
    assert len(ended) < 3  # they hold one process, one after the other; honest views did not wait for them all
    workers.close()
    for thread in hostile:
        thread.join()


def test_closed_workers_start_nothing(make, giant):
    workers = make()
    workers.close()
    with pytest.raises(Problem, match="ending"):
        workers.ask("giant", "facts", giant[1])
    assert workers.pids == []
