"""A share of `benchmarks/fuzzing.py`, which reads 2,000 slides and 2,000 images with faults."""

import contextlib
import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.pictures import encoded, pixels
from helpers.server_process import FORM, form
from helpers.slide_files import picture, pyramid, write_tiff
from sentinode.testing.mutations import mutated

_FUZZING = Path(__file__).parents[2] / "benchmarks" / "fuzzing.py"


def test_a_hundred_slides_and_a_hundred_images_with_faults_end_no_process(request):
    words = ["--slides", "100", "--images", "100", "--seed", "2", "--json"]
    with contextlib.suppress(pytest.skip.Exception):  # drawn ones do
        words += ["--data", str(request.getfixturevalue("shared_data"))]
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", str(_FUZZING), *words], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = json.loads(ended.stdout)
    for one in found.values():
        assert one["holds"]
        assert 10 < one["outcomes"]["refused"] < 100, one
        assert one["outcomes"].get("read", 0) > 0, one
        assert one["peak_mib"] < 1000


def test_faults_are_the_same_for_a_seed_and_differ_between_seeds():
    seeds = [encoded(pixels(1), kind) for kind in ("PNG", "JPEG", "TIFF")]
    first, again, other = (
        [mutated(seeds[n % 3], seeds, generator) for n in range(60)]
        for generator in (random.Random(1), random.Random(1), random.Random(2))
    )
    assert first == again
    assert sum(one != two for one, two in zip(first, other, strict=True)) > 50
    assert sum(one not in seeds for one in first) > 50


def test_slides_with_faults_are_uploaded_and_the_server_is_as_it_was(besieged, tmp_path):
    write_tiff(tmp_path / "a.tif", pyramid(picture(), 3), compression="jpeg")
    good, generator = (tmp_path / "a.tif").read_bytes(), random.Random(3)
    counts = {201: 0, 422: 0}
    with besieged.attacked():
        for number in range(40):
            content = mutated(good, [good], generator)
            status, body = besieged.answer("POST", "/slides", form(content, file=f"{number}.tif"), FORM)
            assert status in counts, (number, body)
            counts[status] += 1
            if status == 201:
                slide_id = json.loads(body)["id"]
                for view in ("thumbnail", "tissue.png", "deepzoom_files/9/0_0.jpeg"):
                    assert besieged.status("GET", f"/slides/{slide_id}/{view}") in (200, 404, 422)
                assert besieged.status("DELETE", f"/slides/{slide_id}") == 200
    assert min(counts.values()) > 3, counts
