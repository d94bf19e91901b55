"""`data inspect` on data sets with every fault in them: each is counted, shown, and none stops it."""

import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sentinode.core.errors import DataError, StorageError
from sentinode.core.progress import Progress
from sentinode.data.data_config import DataConfig
from sentinode.data.synthetic.patches import SyntheticPatches
from sentinode.studies.inspection_study import Inspection, inspect_source

_DROP = {"on_leak": "drop", "on_conflict": "drop", "on_size": "drop"}


def _inspect(tmp_path: Path, source: str, **config: Any) -> dict[str, Any]:
    return inspect_source(
        DataConfig(source=source, **config), tmp_path / "out", cache=tmp_path / "cache", progress=Progress()
    )


class _Faulty:
    """A csv data set of synthetic patches in a folder, with faults added one at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: list[list[str]] = []
        source = SyntheticPatches({"n": "132", "seed": "4"})
        for index, record in enumerate(source.records):
            assert record.label
            assert record.group
            assert record.split
            self.add(source.read(index), f"{index:03d}.png", record.label, record.group, record.split)

    def add(self, image: np.ndarray, name: str, label: str, group: str, split: str) -> None:
        Image.fromarray(image).save(self.folder / name)
        self.rows.append([name, label, group, split])

    def of(self, split: str, number: int) -> tuple[np.ndarray, list[str]]:
        rows = [row for row in self.rows if row[3] == split]
        return np.asarray(Image.open(self.folder / rows[number][0])), rows[number]

    def write(self) -> str:
        with (self.folder / "data.csv").open("w", newline="") as file:
            csv.writer(file).writerows([["path", "label", "group", "split"], *self.rows])
        return f"csv:{self.folder / 'data.csv'}"


@pytest.fixture
def faulty(tmp_path: Path) -> _Faulty:
    (tmp_path / "data").mkdir()
    return _Faulty(tmp_path / "data")


def _titles(facts: dict[str, Any], level: str) -> str:
    return " | ".join(finding["title"] for finding in facts["findings"] if finding["level"] == level)


def test_a_sound_data_set_is_counted_by_class_split_and_group(tmp_path: Path, faulty: _Faulty) -> None:
    facts = _inspect(tmp_path, faulty.write())
    assert facts["usable"]
    assert facts["images"] == {"in_source": 132, "read": 132, "used": 132}
    for split in ("train", "validation", "test"):
        for name in ("normal", "tumour"):
            expected = sum(row[1] == name and row[3] == split for row in faulty.rows)
            assert facts["counts"][split][name] == expected > 0
    said = Inspection(tmp_path / "out", facts).summary()
    assert ": 132 images read, 132 used\n" in said
    assert f"  train         {facts['counts']['train']['normal']} normal, " in said
    assert f"  groups        {facts['groups']['n']} slides or patients\n" in said
    assert f"  colour alone  AUC {facts['colour_baseline']['auc']:.3f} (" in said
    assert all(finding["title"] in said for finding in facts["findings"])
    assert facts["groups"]["by_split"] == {"train": 12, "validation": 4, "test": 6, "unused": 0}
    assert sum(row["images"] for row in facts["groups"]["table"]) == 132
    assert facts["sizes"] == [{"width": 96, "height": 96, "images": 132}]
    assert facts["exact_duplicates"]["sets"] == facts["near_duplicates"]["pairs"] == 0
    assert facts["exclusions"] == {}
    assert _titles(facts, "refused") == _titles(facts, "warning") == ""
    assert 0 < facts["colour_baseline"]["low"] <= facts["colour_baseline"]["auc"] <= 1


def test_faults_are_shown_although_training_refuses_them(tmp_path: Path, faulty: _Faulty) -> None:
    image, (_, label, group, _) = faulty.of("train", 4)
    faulty.add(image, "leak.png", label, "slide20", "test")
    image, (_, label, group, _) = faulty.of("train", 9)
    faulty.add(image, "conflict.png", "tumour" if label == "normal" else "normal", group, "train")
    image, (_, label, group, _) = faulty.of("validation", 2)
    faulty.add(image, "twice.png", label, group, "validation")
    image, (_, label, _, _) = faulty.of("train", 12)
    faulty.add(np.rot90(image), "turned.png", label, "slide21", "test")
    faulty.add(image[:80], "small.png", label, "slide22", "test")
    (faulty.folder / "broken.png").write_bytes((faulty.folder / "000.png").read_bytes()[:900])
    faulty.rows.append(["broken.png", "normal", "slide22", "test"])
    facts = _inspect(tmp_path, faulty.write())

    assert not facts["usable"]
    exact, near = facts["exact_duplicates"], facts["near_duplicates"]
    assert (exact["sets"], exact["surplus"], exact["sets_in_two_splits"], exact["sets_with_two_labels"]) == (3, 3, 1, 1)
    assert exact["surplus_within"] == {"train": 1, "validation": 1, "test": 0, "unused": 0}
    assert exact["sets_across"]["train and test"] == 1
    assert [image["id"] for image in near["examples"][0]["images"]][1] == "turned.png"
    assert near["pairs_across"]["train and test"] == near["pairs"] == 1
    assert facts["sizes"][1] == {"width": 96, "height": 80, "images": 1}
    kinds = {kind: one["n"] for kind, one in facts["exclusions"].items()}
    assert kinds["unreadable image"] == kinds["differing size"] == 1
    assert kinds["same pixels, two labels"] == 2
    refused = _titles(facts, "refused")
    assert "1 image lies in two splits" in refused
    assert "1 image has two labels" in refused
    assert "near duplicates across splits" in _titles(facts, "refused")
    assert facts["images"]["used"] == facts["images"]["in_source"] - sum(kinds.values())


def test_what_the_configuration_drops_is_a_note_and_no_refusal(tmp_path: Path, faulty: _Faulty) -> None:
    image, (_, label, _, _) = faulty.of("train", 4)
    faulty.add(image, "leak.png", label, "slide20", "test")
    facts = _inspect(tmp_path, faulty.write(), **_DROP)
    assert facts["usable"]
    assert "1 image lies in two splits" in _titles(facts, "note")
    assert facts["counts"]["test"][label] == sum(row[1] == label and row[3] == "test" for row in faulty.rows)


def test_a_group_on_two_sides_is_named_even_though_nothing_can_be_dropped(tmp_path: Path, faulty: _Faulty) -> None:
    faulty.rows[0][2] = "slide22"  # of test, while the image is of train
    facts = _inspect(tmp_path, faulty.write(), **_DROP)
    assert not facts["usable"]
    assert "slide22" in facts["refusal"]
    assert facts["groups"]["on_two_sides"] == ["slide22"]
    assert facts["split"]["hash"] is None
    assert facts["images"]["used"] == 132


def test_copies_within_the_pool_that_splits_are_cut_from_are_no_leak(tmp_path: Path, faulty: _Faulty) -> None:
    for row in faulty.rows:
        row[2] = row[3] = ""
    for number in range(0, 60, 2):
        image = np.asarray(Image.open(faulty.folder / f"{number:03d}.png"))
        faulty.add(image, f"again{number}.png", faulty.rows[number][1], "", "")
    facts = _inspect(tmp_path, faulty.write())
    assert facts["usable"]
    assert facts["split"]["made_by"] == "none"
    assert facts["exact_duplicates"]["sets"] == 30
    assert facts["exact_duplicates"]["sets_in_two_splits"] == 0
    assert "No slides or patients" in _titles(facts, "warning")


def test_one_class_only_is_shown_too(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "tumour"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(5):
        Image.fromarray(rng.integers(0, 256, (40, 60, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    facts = _inspect(tmp_path, f"folder:{tmp_path / 'data'}")
    assert "one class only" in facts["refusal"]
    assert facts["colour_baseline"]["auc"] is None
    assert facts["sizes"] == [{"width": 60, "height": 40, "images": 5}]


def test_nine_classes_have_a_line_each(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = {}
    for split, n in (("train", 90), ("val", 36), ("test", 27)):
        arrays[f"{split}_images"] = rng.integers(0, 256, (n, 28, 28, 3), dtype=np.uint8)
        arrays[f"{split}_labels"] = (np.arange(n) % 9).astype(np.uint8)[:, None]
    np.savez(tmp_path / "pathmnist.npz", **arrays)
    facts = _inspect(tmp_path, f"medmnist:{tmp_path / 'pathmnist.npz'}")
    assert list(facts["counts"]["validation"].values()) == [4] * 9
    assert facts["colour_baseline"]["n"] == 36
    text = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    for name in facts["class_names"]:
        assert re.search(rf'<th scope="row">.*{name}</th><td>10</td><td>4</td><td>3</td><td>17</td>', text)


class _Page(HTMLParser):
    """Collects what a page refers to, and its images."""

    def __init__(self) -> None:
        super().__init__()
        self.images: list[dict[str, str | None]] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.images.append(dict(attrs))
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]


def test_page_needs_nothing_else_and_json_holds_what_is_returned(tmp_path: Path, faulty: _Faulty) -> None:
    for row in faulty.rows:
        row[1] = "normal & <b>calm</b>" if row[1] == "normal" else "tumour"
    facts = _inspect(tmp_path, faulty.write())
    assert json.loads((tmp_path / "out" / "inspect.json").read_text(encoding="utf-8")) == facts
    text = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    page = _Page()
    page.feed(text)
    assert len(page.images) >= 36
    assert all(image["alt"] for image in page.images)
    assert all(link.startswith(("data:image/jpeg;base64,", "#")) for link in page.links)
    assert "<b>calm" not in text
    assert "normal &amp; &lt;b&gt;calm" in text
    assert not re.search(r"url\((?!#)", text)
    assert text.count('<svg class="chart" role="img"') == 2
    assert "Research use only" in text


def test_the_same_data_gives_the_same_page(tmp_path: Path) -> None:
    pages = []
    for _ in range(2):
        _inspect(tmp_path, "synthetic:patches?n=44")
        pages.append((tmp_path / "out" / "index.html").read_bytes())
    assert pages[0] == pages[1]


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.doc").write_text("years of work")
    with pytest.raises(StorageError, match="something else than an inspection"):
        _inspect(tmp_path, "synthetic:patches?n=44")
    assert (tmp_path / "out" / "thesis.doc").read_text() == "years of work"


def test_nothing_is_written_when_no_image_can_be_read(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "data" / name).mkdir(parents=True)
        (tmp_path / "data" / name / "x.png").write_bytes(b"no image")
    with pytest.raises(DataError, match="no image that can be used"):
        _inspect(tmp_path, f"folder:{tmp_path / 'data'}")
    assert not (tmp_path / "out").exists()


def test_real_patches(tmp_path: Path, shared_data: Path) -> None:
    """A part of train against all of valid: the colour baseline is known to be 0.79."""
    pcam = shared_data / "pcam-real"
    with (pcam / "labels.csv").open() as file:
        rows = [row for k, row in enumerate(csv.DictReader(file)) if row["split"] == "valid" or k % 10 == 0]
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(["path", "label", "split"])
    writer.writerows([str(pcam / row["path"]), row["label"], row["split"]] for row in rows)
    (tmp_path / "part.csv").write_text(table.getvalue())
    facts = _inspect(tmp_path, f"csv:{tmp_path / 'part.csv'}", rename={"0": "normal", "1": "tumour"})
    assert facts["colour_baseline"]["auc"] == pytest.approx(0.79, abs=0.02)
    assert facts["exact_duplicates"]["surplus_within"]["validation"] == 93
    assert facts["near_duplicates"]["pairs"] == 0
    blank = facts["near_blank"]["counts"]["validation"]
    assert 15 <= blank["normal"] <= 60
    assert blank["tumour"] <= 3
