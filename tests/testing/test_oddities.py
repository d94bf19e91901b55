"""Every odd input is read right or refused; and the judge itself can tell."""

from pathlib import Path

import pytest

from sentinode.core.errors import DataError
from sentinode.testing.oddities.__main__ import main
from sentinode.testing.oddities.oddity import MisreadError, Oddity, judge
from sentinode.testing.oddities.oddity_table import ODDITIES


@pytest.mark.parametrize("oddity", ODDITIES, ids=lambda oddity: oddity.name)
def test_is_read_right_or_refused(oddity: Oddity, tmp_path: Path) -> None:
    verdict = judge(oddity, tmp_path / "input")
    assert verdict.outcome == ("refused" if oddity.refusal else "read right"), verdict.detail


def test_every_name_is_its_own() -> None:
    assert len({oddity.name for oddity in ODDITIES}) == len(ODDITIES)


def _raise(error: Exception) -> None:
    raise error


@pytest.mark.parametrize(
    ("error", "refusal", "outcome"),
    [
        (None, "", "read right"),
        (None, "16 bits", "wrong"),
        (MisreadError("80 grey levels"), "", "wrong"),
        (DataError("it has 16 bits"), "16 bits", "refused"),
        (DataError("it has 16 bits"), "", "wrong"),
        (DataError("is damaged"), "16 bits", "wrong"),
        (DataError("it has\n16 bits"), "16 bits", "wrong"),
        (KeyError("bits"), "bits", "wrong"),
    ],
)
def test_the_judge(tmp_path: Path, error: Exception | None, refusal: str, outcome: str) -> None:
    oddity = Oddity("a/b", "odd", lambda _: None, lambda _: _raise(error) if error else None, refusal)
    assert judge(oddity, tmp_path / "a").outcome == outcome


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["patches/sixteen-bit", "--keep", str(tmp_path / "kept")]) == 0
    printed = capsys.readouterr().out
    assert "refused     patches/sixteen-bit" in printed
    assert printed.endswith("0 read right, 1 refused, 0 wrong\n")
    assert (tmp_path / "kept/patches/sixteen-bit/patch.tif").is_file()
    assert main(["nothing-of-this-name"]) == 2
