"""The walk through the Kaggle competition, run as docs/kaggle.md has it, on a small folder in the same layout."""

import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from helpers import layouts
from sentinode.models.bundle import open_bundle
from sentinode.models.bundle_seal import content_sha256

PAGE = Path(__file__).parents[2] / "docs" / "kaggle.md"

# A network that trains in seconds, and needs no hub.
SMALL = [
    *("--set", "model.architecture=cnn3", "--set", "model.weights=none"),
    *("--set", "training.epochs=1", "--set", "training.batch_size=16"),
]


def test_the_walk_through_ends_in_a_submission(sentinode: Callable[..., Any], workplace: Path) -> None:
    folder = layouts.make_kaggle(workplace / "kaggle", n=240, size=(24, 24), competition_test=7)
    wanted = sorted((path.stem for path in (folder / "test").iterdir()), key=lambda name: name[::-1])
    pd.DataFrame({"id": wanted, "label": 0}).to_csv(folder / "sample_submission.csv", index=False)
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    assert [line.split()[1] for line in lines] == ["data", "train", "train", "ensemble", "compare", "submit"]
    for line in lines:
        words = shlex.split(line)[1:]
        outcome = sentinode(*words, *(SMALL if words[0] == "train" else []))
        assert (outcome.status, outcome.err) == (0, ""), line
    assert "probability of tumour" in outcome.out
    found = pd.read_csv(workplace / "submission.csv", dtype={"id": str})
    assert found["id"].tolist() == wanted
    assert found["label"].between(0, 1).all()
    assert (workplace / "compared" / "comparison.html").is_file()


def test_an_ensemble_of_bundles_of_other_classes_is_refused(sentinode: Callable[..., Any], workplace: Path) -> None:
    tissues = layouts.make_folder(workplace / "tissues", n=3, size=(96, 96))
    other = shutil.copytree(open_bundle("pcam").folder, workplace / "other")
    fields = json.loads((other / "bundle.json").read_text(encoding="utf-8"))
    fields["classes"] = {"names": ["fat", "mucus"], "positive": "mucus"}
    fields["sha256"] = content_sha256(fields)
    (other / "bundle.json").write_text(json.dumps(fields), encoding="utf-8")
    outcome = sentinode("ensemble", "pcam", "other", "--data", tissues, "--out", "both")
    assert (outcome.status, outcome.out) == (2, "")
    assert "fat, mucus apart, pcam tells normal, tumour; average" in outcome.err
    assert outcome.err.count("\n") == 1
    assert not (workplace / "both").exists()
    twice = sentinode("ensemble", "pcam", "pcam", "--data", tissues, "--out", "both")
    assert "the same weights as pcam" in twice.err


def test_a_folder_with_missing_test_images_is_refused(sentinode: Callable[..., Any], workplace: Path) -> None:
    folder = layouts.make_kaggle(workplace / "kaggle", n=2, size=(96, 96), competition_test=3)
    names = sorted(path.stem for path in (folder / "test").iterdir())
    pd.DataFrame({"id": names, "label": 0}).to_csv(folder / "sample_submission.csv", index=False)
    (folder / "test" / f"{names[1]}.tif").unlink()
    before = sorted(workplace.rglob("*"))
    outcome = sentinode("submit", "pcam", "--data", f"kaggle:{folder}", "--out", "submission.csv")
    assert (outcome.status, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert f"1 of the 3 images that sample_submission.csv names are not in {folder}/test: {names[1]}" in outcome.err
    assert sorted(workplace.rglob("*")) == before
