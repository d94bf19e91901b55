"""A scan that gets no further, or wants too much memory, is ended, says so, and holds no other."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sentinode.serving.serve_config import Limits
from sentinode.serving.workers import child_process
from sentinode.serving.workers.child_process import ChildProcess

MIB = 1 << 20


def scanned(client, name, **settings):
    """A scan that was asked for, once it has ended."""
    client.app.state.service.library.forget_listing()
    slide = next(one for one in client.get("/slides").json()["slides"] if one["name"] == name)
    answer = client.post("/scans", json={"slide_id": slide["id"], **settings})
    assert answer.status_code in (200, 202), answer.text
    while True:
        scan = client.get(f"/scans/{answer.json()['id']}").json()
        if scan["status"] not in ("queued", "running"):
            return scan
        time.sleep(0.05)


def test_a_scan_that_gets_no_further_is_ended_and_the_next_one_runs(client):
    jobs = client.app.state.service.jobs
    assert scanned(client, "one")["status"] == "finished"  # its process is loaded, and has no more time for that
    patient, pid = jobs._limits, jobs.worker_pid
    jobs._limits = patient.model_copy(update={"scan_silence_s": 0.3})
    os.kill(pid, signal.SIGSTOP)  # as a decoder that never comes back
    scan = scanned(client, "one", stride=60)
    assert scan["status"] == "failed"
    assert scan["problem"].startswith("one.tif got no further for 0.005 min")
    jobs._limits = patient
    assert scanned(client, "one", stride=60)["status"] == "finished"
    assert jobs.worker_pid != pid


def test_a_scan_that_wants_more_memory_than_it_may_have_fails_and_the_next_one_runs(start, slides):
    client = start(limits=Limits(scan_memory_bytes=600 * MIB))
    plain = Image.fromarray(np.zeros((9000, 9000, 3), np.uint8))
    plain.save(slides / "large.tif", compression="tiff_adobe_deflate", dpi=(50800, 50800))
    scan = scanned(client, "large")
    assert scan["status"] == "failed"
    assert "large.tif needs more than the 0.586 GiB of memory that a scan may take" in scan["problem"]
    assert str(slides) not in scan["problem"]
    one = scanned(client, "one")
    assert one["status"] == "finished", one["problem"]


@pytest.fixture
def ticking(monkeypatch):
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    )
    process = ChildProcess("helpers.ticking_child", 0)
    assert list(process.begin({"times": 0}))[-1] == {"finished": {}}
    yield process
    process.end(for_good=True)


@pytest.mark.parametrize("renewed", [True, False])
def test_the_time_of_a_job_begins_anew_with_each_step_only_where_that_is_meant(ticking, monkeypatch, renewed):
    now = [time.monotonic()]
    monkeypatch.setattr(child_process.time, "monotonic", lambda: now[0])
    said = []
    for one in ticking.begin({"times": 9}, deadline_s=10.0, renewed=renewed):
        said.append(one)
        now[0] += 8.0  # between one step and the next: nine of them take longer than the time of one
    assert said[-1] == ({"finished": {}} if renewed else {"overdue": True})
