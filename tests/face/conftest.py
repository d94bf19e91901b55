"""Where the calls of `import sentinode as sn` are made: a folder with what their examples name."""

from pathlib import Path

import pytest

from helpers.extra_jobs import write_material
from helpers.mil_cohorts import write_cohort


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("face")
    write_material(folder)
    write_cohort(folder, slides=20)
    return folder


@pytest.fixture(autouse=True)
def there(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workplace)
    monkeypatch.setenv("SENTINODE_CACHE", str(workplace / "cache"))
    monkeypatch.setenv("SENTINODE_THREADS", "1")
