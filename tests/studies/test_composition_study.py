"""`compose`: which options go together, and what they must look like."""

from pathlib import Path

import pytest

from sentinode.core.errors import DataError
from sentinode.studies.composition_study import compose

PATCHES = "synthetic:patches?n=44&seed=1"


@pytest.mark.parametrize(
    ("source", "options", "told"),
    [
        (PATCHES, {"scale": 3}, "--scale 3"),
        (PATCHES, {"lesions": "3x1"}, "write 1x3"),
        (PATCHES, {"lesions": "0x2"}, "--lesions 0x2"),
        (PATCHES, {"lesion_cells": "9x2"}, "write 2x9"),
        (PATCHES, {"size": "900x900"}, "--cells"),
        ("synthetic:slides", {"scale": 1}, "--scale"),
        ("synthetic:slides", {"lesions": "1x2"}, "--lesions"),
    ],
)
def test_options_that_mean_nothing_are_refused(
    tmp_path: Path, source: str, options: dict[str, object], told: str
) -> None:
    with pytest.raises(DataError, match=told):
        compose(source, tmp_path / "out", slides=2, **options)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()
