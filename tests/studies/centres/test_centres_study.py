"""`sentinode study centres` on drawn patches of two centres with their own tint, where tumour is a little redder."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from sentinode.core.errors import DataError, StorageError
from sentinode.core.progress import SILENT
from sentinode.core.settings import Settings
from sentinode.data.data_config import DataConfig
from sentinode.data.dataset import load_dataset
from sentinode.models.model_config import ModelConfig
from sentinode.models.networks.architectures import build_network
from sentinode.studies.centres.centre_images import draw_centres
from sentinode.studies.centres.centre_questions import CentreQuestions
from sentinode.studies.centres.centres_protocol import CentresProtocol
from sentinode.studies.centres.centres_study import study_centres

SIDE = 48
PROTOCOL = CentresProtocol(patches=160, seeds=(0, 1))
SMALL = ["patches=160", "seeds=[0, 1]"]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """160 patches of 16 slides, eight slides a centre; the tint of a centre is stronger than that of tumour."""
    root, rng = tmp_path_factory.mktemp("centres"), np.random.default_rng(0)
    rows = []
    for number in range(160):
        centre, slide, label = number % 2, number % 16, number // 80
        pixels = rng.normal(150, 30, (SIDE, SIDE, 3))
        pixels[..., 0] += 12 * label
        pixels[..., 2] += 25 * centre
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(root / f"{number}.png")
        rows.append((f"{number}.png", ("normal", "tumour")[label], f"slide {slide}", "AB"[centre]))
    pd.DataFrame(rows, columns=["path", "label", "group", "centre"]).to_csv(root / "table.csv", index=False)
    return root / "table.csv"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Random weights of the frozen features' network, as a file."""
    torch.manual_seed(0)
    network = build_network(ModelConfig(architecture="squeezenet1_1"), 2, tile_size=SIDE)
    path = tmp_path_factory.mktemp("weights") / "random.safetensors"
    save_file({name: tensor for name, tensor in network.state_dict().items() if "features" in name}, path)
    return str(path)


def test_the_study_has_its_tables_its_index_and_its_page(
    table: Path, weights: str, tmp_path: Path, settings: Settings
) -> None:
    study = study_centres(f"csv:{table}", tmp_path / "a", weights=weights, overrides=SMALL, settings=settings)
    assert set(study.tables) == {
        f"{kind} centre, {model}" for kind in ("new", "tied") for model in ("frozen features", "colour alone")
    }
    # Colour says the class when it is not tied to the centre, and the centre when it is.
    untied, _, tied = study.tables["tied centre, colour alone"]
    assert (untied.auc.value or 0) > 0.95
    assert tied.auc_difference is not None
    assert (tied.auc_difference.high or 0) < 0
    accuracies = study.accuracies["tied centre, colour alone"]
    assert accuracies["wholly tied"] < accuracies["not tied"] - 0.1
    assert (study.robustness["colour alone"].index.value or 0) < 0.5
    page = (tmp_path / "a" / "study.html").read_text(encoding="utf-8")
    for said in ("2: A, B", "Robustness index by number of neighbours", "negative images come from A", "patches = 160"):
        assert said in page
    assert "hue" not in json.dumps(study.to_json()["centres"])
    again = study_centres(f"csv:{table}", tmp_path / "a", weights=weights, overrides=SMALL, settings=settings)
    assert again.to_json() == study.to_json()
    with pytest.raises(StorageError, match="another protocol or of other data"):
        study_centres(f"csv:{table}", tmp_path / "a", weights=weights, overrides=["patches=80"], settings=settings)


def test_no_image_is_trained_on_that_is_tested_or_of_a_centre_left_out(table: Path, settings: Settings) -> None:
    data = load_dataset(DataConfig(source=f"csv:{table}"), cache=settings.cache, progress=SILENT)
    images = draw_centres(data, PROTOCOL, "")
    asked: list[tuple[set[int], set[int]]] = []

    class Noted(CentreQuestions):
        def _answers(self, model: str, train: np.ndarray, test: np.ndarray) -> np.ndarray:
            asked.append((set(train.tolist()), set(test.tolist())))
            return np.zeros(len(test))

    noted = Noted(images, {}, PROTOCOL)
    sizes = []
    for arm in ("centre known", "centre left out"):
        noted.ask_new("", arm, 0)
        for train, test in asked:
            assert not train & test
            seen = {int(images.centres[number]) for number in train} & {int(images.centres[number]) for number in test}
            assert bool(seen) == (arm == "centre known")
        sizes.append([len(train) for train, _ in asked])
        asked.clear()
    assert sizes[0] == sizes[1]
    for arm, share in (("not tied", 0.5), ("three quarters tied", 0.75), ("wholly tied", 1.0)):
        noted.ask_tied("", arm, 0)
        for train, test in asked:
            slides = [{int(images.slides[number]) for number in part} for part in (train, test)]
            assert not slides[0] & slides[1]
            assert np.mean([images.truths[i] == images.centres[i] for i in train]) == pytest.approx(share, abs=0.03)
            assert np.mean([images.truths[i] == images.centres[i] for i in test]) == 0.5
        asked.clear()


def test_centres_come_from_a_table_from_hue_or_are_asked_for(table: Path, tmp_path: Path, settings: Settings) -> None:
    bare = pd.read_csv(table).drop(columns="centre")
    bare.to_csv(table.with_name("bare.csv"), index=False)
    data = load_dataset(DataConfig(source=f"csv:{table.with_name('bare.csv')}"), cache=settings.cache, progress=SILENT)
    with pytest.raises(DataError, match=r"names no centre; give --centres CSV .* or --centres hue"):
        draw_centres(data, PROTOCOL, "")
    by_slide = tmp_path / "centres.csv"
    rows = [f"slide {number},{'XY'[number % 2]}" for number in range(16)]
    by_slide.write_text("group,centre\n" + "\n".join(rows) + "\n", encoding="utf-8")
    assert draw_centres(data, PROTOCOL, str(by_slide)).names == ("X", "Y")
    by_slide.write_text("group,centre\n" + "\n".join(rows[1:]) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"names no centre of group 'slide 0' \(10 images without one\)"):
        draw_centres(data, PROTOCOL, str(by_slide))
    by_slide.write_text("group,centre\n" + "\n".join(row[:-1] + "X" for row in rows) + "\n", encoding="utf-8")
    with pytest.raises(DataError, match="one centre only"):
        draw_centres(data, PROTOCOL, str(by_slide))
    with pytest.raises(DataError, match="clusters of hue can't stand for centres here"):
        draw_centres(data, PROTOCOL, "hue")  # hue says the class


def test_clusters_of_hue_stand_for_centres_where_they_do_not_say_the_class(table: Path, settings: Settings) -> None:
    labels = np.tile(["normal", "normal", "tumour", "tumour"], 40)
    pd.read_csv(table).drop(columns=["centre", "group"]).assign(label=labels).to_csv(
        table.with_name("shuffled.csv"), index=False
    )
    data = load_dataset(
        DataConfig(source=f"csv:{table.with_name('shuffled.csv')}"), cache=settings.cache, progress=SILENT
    )
    images = draw_centres(data, PROTOCOL, "hue")
    assert 2 <= len(images.names) <= 4
    assert images.names[0] == "hue 1"
    assert "No centre is known" in images.how[0]
    assert "Slides and patients are not known" in images.how[1]
