"""`sentinode scan` as a person meets it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["pcam", "nowhere.svs"], "nowhere.svs is not a file"),
        (["nobody", "here.svs"], "no bundle 'nobody'"),
        (["pcam", "here.svs", "--region", "1,2,3"], "region is '1,2,3'"),
        (["pcam", "here.svs", "--threshold", "7"], "threshold = 7.0"),
        (["pcam", "here.svs", "--target", "fat"], "no class 'fat'"),
        (["pcam", "here.svs", "--model-mpp", "0.5"], "leave out --model-mpp"),
    ],
)
def test_what_a_user_can_mend_is_one_line(
    sentinode: Callable[..., Any], workplace: Path, words: list[str], said: str
) -> None:
    (workplace / "here.svs").write_bytes(b"junk")
    done = sentinode("scan", *words, "--out", "scans")
    assert done.status == 2
    assert said in done.err
    assert len(done.err.splitlines()) == 1
    assert not (workplace / "scans").exists()


def test_a_slide_that_fails_is_listed_with_exit_status_1(sentinode: Callable[..., Any], workplace: Path) -> None:
    (workplace / "junk.svs").write_bytes(b"junk")
    done = sentinode("scan", "pcam", "junk.svs", "--out", "scans")
    assert done.status == 1
    assert "0 of 1 slide scanned" in done.out
    assert "not scanned" in done.err
    assert (workplace / "scans" / "scans.csv").read_text().splitlines()[1].startswith("junk,failed")
