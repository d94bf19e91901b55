"""Every kind of bad input that a user is known to come with: one clear line, status 2, nothing half-written."""

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from safetensors.torch import save_file

from helpers import layouts
from sentinode.data import decoder
from sentinode.models.model_config import ModelConfig
from sentinode.models.networks.architectures import build_network

Command = Callable[..., Any]
READERS = {
    "train": lambda address: ("train", "demo", "--data", address, "--out", "result"),
    "inspect": lambda address: ("data", "inspect", address, "--out", "result"),
    "pack": lambda address: ("data", "pack", address),
}


@pytest.fixture
def refused(sentinode: Command, workplace: Path, tmp_path: Path) -> Iterator[Command]:
    """Runs a command that must be refused; returns its line."""

    def run(*words: object) -> str:
        before = sorted(workplace.rglob("*"))
        outcome = sentinode(*words)
        assert outcome.status == 2
        assert outcome.out == ""
        assert outcome.err.startswith("error: ")
        assert outcome.err.count("\n") == 1
        assert sorted(workplace.rglob("*")) == before
        return str(outcome.err)

    yield run
    half_made = [path.name for path in tmp_path.rglob("*.partial") if path.parent.name != "packs"]
    assert half_made == []


@pytest.fixture
def patches(tmp_path: Path) -> Path:
    """30 small square patches of each class in train, valid and test."""
    folder: Path = layouts.make_folder(tmp_path / "patches", n=30, size=(24, 24))
    return folder


def recipe_file(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("command", READERS)
def test_an_empty_folder(command: str, refused: Command, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    line = refused(*READERS[command](f"folder:{empty}"))
    assert f"no images in {empty}; looked for [split/]class/image" in line
    assert "holds no data set in a known layout; looked for pcam: " in refused(*READERS[command](empty))


def test_one_class_only(refused: Command, tmp_path: Path) -> None:
    folder = layouts.make_folder(tmp_path / "data", classes=["normal"], size=(24, 24))
    line = refused(*READERS["train"](f"folder:{folder}"))
    assert f"folder:{folder} " in line
    assert "(normal); a classifier needs at least two" in line


@pytest.mark.parametrize("command", READERS)
def test_a_csv_with_a_missing_column(command: str, refused: Command, tmp_path: Path) -> None:
    table = layouts.make_csv(tmp_path / "data")
    pd.read_csv(table).rename(columns={"label": "class"}).to_csv(table, index=False)
    line = refused(*READERS[command](table))
    assert f"{table} " in line
    assert "needs path,label and has path, class, group" in line


@pytest.mark.parametrize("command", READERS)
def test_a_csv_with_a_wrong_path(command: str, refused: Command, tmp_path: Path) -> None:
    table = layouts.make_csv(tmp_path / "data")
    (table.parent / "images" / "3.png").unlink()
    line = refused(*READERS[command](table))
    assert f"{table}, line 5: 'images/3.png' is not a file (1 of 12 rows wrong like this)" in line
    assert "correct them or remove the rows" in line


def test_a_truncated_jpeg_is_left_out_and_counted(sentinode: Command, refused: Command, tmp_path: Path) -> None:
    folder = layouts.make_folder(tmp_path / "data", suffix=".jpg", size=(24, 24))
    broken = folder / "train" / "tumour" / "image2.jpg"
    broken.write_bytes(broken.read_bytes()[:-300])
    packed = sentinode("data", "pack", folder)
    assert (packed.status, packed.out.splitlines()[0]) == (0, "packed    35 images; unreadable: 1")
    seen = json.loads(sentinode("data", "inspect", folder, "--out", "page", "--json").out)
    assert {kind: found["n"] for kind, found in seen["exclusions"].items()} == {"unreadable image": 1}
    line = refused(*READERS["train"](folder), "--set", "data.on_unreadable=error")
    assert f"1 image can't be used: {broken} is truncated or damaged" in line
    assert "mend them or set data.on_unreadable = 'drop'" in line


def test_nothing_but_broken_images(refused: Command, tmp_path: Path) -> None:
    folder = layouts.make_folder(tmp_path / "data", n=2, suffix=".jpg")
    for path in folder.rglob("*.jpg"):
        path.write_bytes(b"not a picture")
    for command in ("train", "inspect"):
        line = refused(*READERS[command](folder))
        assert f"{folder} has no image that can be used (unreadable image: 12)" in line


@pytest.mark.parametrize("command", READERS)
def test_an_hdf5_without_x(command: str, refused: Command, tmp_path: Path) -> None:
    folder = layouts.make_pcam(tmp_path / "data")
    path = folder / "camelyonpatch_level_2_split_train_x.h5"
    with h5py.File(path, "w") as file:
        file["images"] = np.zeros((3, 4, 4, 3), dtype=np.uint8)
    assert f"{path} has no array 'x', it holds images" in refused(*READERS[command](f"pcam:{folder}"))


@pytest.mark.parametrize("command", READERS)
def test_an_npz_of_a_3d_set(command: str, refused: Command, tmp_path: Path) -> None:
    path = tmp_path / "organmnist3d.npz"
    volumes, labels = np.zeros((4, 8, 8, 8), dtype=np.uint8), np.array([[0], [1], [0], [1]], dtype=np.uint8)
    np.savez(path, train_images=volumes, train_labels=labels)
    line = refused(*READERS[command](path))
    assert f"{path}: train_images.npy" in line
    assert "(4, 8, 8, 8), a 3D set; give a 2D set" in line


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[training]\nepoch = 3\n", "unknown key 'training.epoch'; remove or correct it"),
        ("[trainning]\nepochs = 3\n", "unknown key 'trainning'; remove or correct it"),
        ("[training]\nepochs = 'three'\n", "training.epochs = 'three': input should be a valid integer"),
        ("[training]\nwarmup_epochs = 99\n", "training: warmup_epochs = 99.0 leaves nothing of epochs = 10; lower it"),
        ("data = 3\n", "data = 3 is not a table"),
        ("[evaluation]\nthreshold = 'best'\n", "evaluation.threshold = 'best': threshold rule 'best' is unknown; give"),
        ("[evaluation]\ntargets = ['auc']\n", "target 'auc' can't be read; write 'auc>=0.95'"),
        ("[evaluation]\ntargets = ['acc>=0.9']\n", "target 'acc>=0.9': no metric 'acc' here; there are auc, "),
        ("[evaluation]\nthreshold = 'sensitivity>=0.99@lower95'\n", "can't be met: with 30 positive samples"),
        ("[model\n", "is not TOML: "),
    ],
)
def test_a_recipe_with_an_unknown_key_or_a_wrong_value(
    text: str, message: str, refused: Command, patches: Path, tmp_path: Path
) -> None:
    model = "" if "[model" in text else "[model]\narchitecture = 'cnn3'\n"
    path = recipe_file(tmp_path, text + model)
    line = refused("train", path, "--data", patches, "--out", "result")
    assert message in line
    assert str(path) in line or "evaluation of the recipe" in line


def test_a_class_that_is_in_test_but_not_in_train(refused: Command, patches: Path) -> None:
    (patches / "test" / "fat").mkdir()
    for image in sorted((patches / "test" / "normal").iterdir())[:5]:
        image.rename(patches / "test" / "fat" / image.name)
    line = refused(*READERS["train"](patches))
    assert "fat is a class in test but not in train, where the classes are normal, tumour; rename it" in line


def test_a_group_on_two_sides(refused: Command, tmp_path: Path) -> None:
    table = layouts.make_csv(tmp_path / "data", n=10, splits=True)
    line = refused(*READERS["train"](table))
    assert "patient 2 (in test and train)" in line
    assert "correct" in line


def test_the_same_pixels_on_two_sides(refused: Command, patches: Path) -> None:
    image = patches / "test" / "normal" / "image0.png"
    image.write_bytes((patches / "train" / "normal" / "image1.png").read_bytes())
    line = refused(*READERS["train"](patches))
    assert "train/normal/image1.png = test/normal/image0.png" in line
    assert "data.on_leak = 'drop'" in line


@pytest.mark.parametrize("command", READERS)
def test_too_little_space_is_seen_before_packing(
    command: str, refused: Command, patches: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 1000})()
    monkeypatch.setattr(decoder.shutil, "disk_usage", lambda path: usage)
    line = refused(*READERS[command](patches))
    assert line.startswith("error: packing needs 0.07 GB below ")
    assert "and 0.00 GB are free; free some space, or set SENTINODE_CACHE" in line


@pytest.mark.parametrize("command", READERS)
def test_a_disk_that_fills_up_while_packing(
    command: str, refused: Command, sentinode: Command, patches: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_file: object, _content: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(decoder, "_append", full)
        line = refused(*READERS[command](patches))
    packs = tmp_path / "cache" / "packs"
    assert f"no space left on the disk while writing {packs}" in line
    assert "free some space and run the same command again" in line
    assert {path.suffix for path in packs.iterdir()} <= {".partial", ".lock"}
    assert sentinode("data", "pack", patches).status == 0


def test_a_disk_that_fills_up_in_the_first_epoch(
    refused: Command, patches: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("sentinode.training.callbacks.torch.save", full)
    line = refused(*READERS["train"](patches), "--set", "training.keep=best", "--set", "training.average_decay=0.0")
    assert " result/checkpoints/" in line


def test_weights_of_another_architecture(refused: Command, patches: Path, tmp_path: Path) -> None:
    path = tmp_path / "squeezenet.safetensors"
    save_file(build_network(ModelConfig(architecture="squeezenet1_1", weights="none"), 2).state_dict(), path)
    line = refused(*READERS["train"](patches), "--set", f"model.weights={path}")
    assert f"the weights {path} do not fit the architecture: missing: " in line
    assert "; unexpected: features." in line
    assert "set model.architecture" in line


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (["model.architecture=resnet81"], "there is no architecture 'resnet81'; did you mean resnet18"),
        (["model.weights=gone.safetensors"], "there is no weights file gone.safetensors"),
        (["model.trainable=['layer4']"], "model.trainable names 'layer4', which the network has not; its stages are"),
        (["training.class_weight=[1.0, 2.0, 3.0]"], "training.class_weight = [1.0, 2.0, 3.0]: give 2 positive numbers"),
    ],
)
def test_a_model_that_can_not_be_made_leaves_no_run(
    changes: list[str], message: str, refused: Command, patches: Path
) -> None:
    line = refused(*READERS["train"](patches), *[word for change in changes for word in ("--set", change)])
    assert message in line


@pytest.mark.parametrize(
    ("architecture", "weights", "host"),
    [
        ("squeezenet1_1", "imagenet", "download.pytorch.org"),
        ("resnet18", "hf-hub:nobody-of-that-name/no-such-model", "huggingface.co"),
    ],
)
def test_no_network_for_hub_weights(
    architecture: str,
    weights: str,
    host: str,
    refused: Command,
    patches: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def no_network(name: str, *_: object, **__: object) -> None:
        asked.append(name)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    for variable in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.upper(), raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "https://huggingface.co")
    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    changes = [f"model.architecture={architecture}", f"model.weights={weights}", "model.pooling=['mean']"]
    line = refused(*READERS["train"](patches), *[word for change in changes for word in ("--set", change)])
    assert weights in line or "ImageNet weights of squeezenet1_1" in line
    assert f"are not on this machine, and {host} can't be reached" in line
    assert all(way in line for way in ('model.weights = "FILE.safetensors"', '"bundle:PATH"', '"none"'))
    assert asked == [host]  # one short attempt, not the minutes that the hub's own client keeps trying


def test_a_run_folder_that_is_taken_and_one_that_is_none(refused: Command, patches: Path, workplace: Path) -> None:
    (workplace / "result").mkdir()
    (workplace / "result" / "thesis.txt").write_text("mine")
    line = refused(*READERS["train"](patches))
    assert "`sentinode train --resume result` or choose another --out" in line
    assert "result holds no run (run.json is missing)" in refused("train", "--resume", "result")
    assert "--resume takes the run's own recipe" in refused("train", "demo", "--resume", "result")


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    while not path.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)


def test_ctrl_c_while_training_leaves_a_run_that_can_be_resumed(
    sentinode: Command, patches: Path, workplace: Path
) -> None:
    changes = ["training.epochs=20", "training.batch_size=16", "model.test_time=none"]
    words = [*READERS["train"](str(patches)), *[word for change in changes for word in ("--set", change)]]
    process = subprocess.Popen(
        [sys.executable, "-m", "sentinode.cli.main", *words],
        cwd=workplace,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A test run in the background ignores SIGINT, and would hand that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    wait_for(workplace / "result" / "log.csv", process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130
    assert (out, err) == ("", "stopped by Ctrl-C; go on with `sentinode train --resume result`\n")
    epochs = len(pd.read_csv(workplace / "result" / "log.csv"))
    assert epochs < 20
    assert not list(workplace.rglob("*.partial"))
    assert not (workplace / "result" / "bundle").exists()
    resumed = sentinode("train", "--resume", "result")
    assert resumed.status == 0
    assert "result/report/report.html" in resumed.out
    assert len(pd.read_csv(workplace / "result" / "log.csv")) == 20


@pytest.mark.parametrize(
    "words",
    [
        ("evaluate", "nothing-here", "--data", "synthetic:patches", "--out", "result"),
        ("compare", "nothing-here", "nor-here", "--data", "synthetic:patches", "--out", "result"),
        ("predict", "nothing-here", "picture.png"),
        ("bundle", "show", "nothing-here"),
        ("bundle", "verify", "nothing-here"),
        ("bundle", "quantize", "nothing-here", "--data", "synthetic:patches", "--out", "result"),
    ],
    ids=" ".join,
)
def test_a_bundle_that_is_not_there(words: tuple[str, ...], refused: Command, workplace: Path) -> None:
    (workplace / "picture.png").write_bytes(b"not looked at")
    assert "nothing-here" in refused(*words)
