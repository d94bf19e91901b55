"""One command for each extra, and how it is run: for tests/cli/test_extras.py and `make extras-check`."""

import shutil
import subprocess
import tomllib
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import numpy as np
import tifffile
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image

from sentinode.models.bundle import open_bundle

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Job:
    """A command of the `sentinode` program."""

    words: str
    leaves: str
    """A file that is there afterwards."""


_QUICK = "--set training.epochs=1 --set training.warmup_epochs=0 --set model.test_time=none"

JOBS = {
    "": Job("predict pcam patches --csv predictions.csv", "predictions.csv"),
    "torch": Job("predict pcam patches --engine torch --csv torch.csv", "torch.csv"),
    "evaluate": Job("evaluate pcam --data folder:patches --split all --out measured", "measured/report.html"),
    "train": Job(f"train demo --data folder:patches --out run {_QUICK}", "run/bundle/bundle.json"),
    "crossval": Job(
        "crossval cnn3 --set features.model.weights=none --data folder:patches --out honest --folds 2 --repeats 1 "
        "--set classifier.grid={} --set crossval.permutations=0",
        "honest/bundle/bundle.json",
    ),
    "explain": Job(
        "explain pcam patches/test/tumour/0.png --method lime --no-checks --single-look --out why", "why/index.html"
    ),
    "scan": Job("scan pcam slide.tif --out scans", "scans/slide/heatmap.tif"),
    "compose": Job("compose synthetic:slides --slides 1 --size 1024x1024 --out drawn", "drawn/slides.csv"),
    "serve": Job("serve pcam --port 0 --data server", "server"),
    "pretrain": Job(
        "pretrain simsiam-squeezenet --data folder:patches --out tissue --set model.weights=none "
        "--set pretraining.steps=2",
        "tissue/bundle/pretrained.json",
    ),
    "search": Job("search demo-search --data folder:patches --trials 1 --out tried", "tried/best.toml"),
    "quantize": Job(
        "bundle quantize pcam --data folder:patches --set data.split.validation=validation --out int8",
        "int8/bundle.json",
    ),
    "sign": Job("bundle sign model --key key", "model/signature.json"),
}
"""Extra → its job; "" is the base install."""


def write_material(folder: Path) -> None:
    """Write `patches/`, 72 images of 96 px in three splits, `slide.tif`, 960 × 768 px, a bundle and a key."""
    shutil.copytree(open_bundle("pcam").folder, folder / "model")
    key = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    (folder / "key").write_bytes(key)
    random = np.random.default_rng(0)
    for number in range(72):
        pixels = random.normal(200 - 60 * (number % 2), 25, (96, 96, 3)).clip(0, 255).astype(np.uint8)
        split, label = ("train", "validation", "test")[number // 2 % 3], ("normal", "tumour")[number % 2]
        path = folder / "patches" / split / label / f"{number // 6}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    pixels = np.full((768, 960, 3), 243, np.uint8)
    pixels[96:672, 96:864] = (random.normal((190, 110, 170), 20, (576, 768, 3))).clip(0, 235).astype(np.uint8)
    tifffile.imwrite(
        folder / "slide.tif", pixels, tile=(256, 256), compression="jpeg", photometric="rgb",
        resolution=(1e4 / 0.972, 1e4 / 0.972), resolutionunit="CENTIMETER",
    )  # fmt: skip


def run_job(program: Sequence[str], job: Job, folder: Path, environment: Mapping[str, str]) -> str:
    """Run a job by `program` in `folder`; the last of what it said, where it failed, otherwise nothing."""
    command = [*program, *job.words.split()]
    if job.words.startswith("serve "):
        said = _served(command, folder, environment)
    else:
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        said = done.stderr[-2000:] if done.returncode else ""
    return said or ("" if (folder / job.leaves).exists() else f"it left no {job.leaves}")


def _served(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> str:
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        assert server.stderr is not None
        line = server.stdout.readline()  # serving pcam at http://127.0.0.1:PORT (Ctrl-C to end)
        try:
            if "http://" not in line:
                return server.stderr.read()[-2000:] or line
            with urllib.request.urlopen(line.split()[3] + "/health/live", timeout=60) as answer:
                return "" if answer.status == 200 else f"its health is {answer.status}"
        finally:
            server.terminate()


def declared_extras() -> dict[str, list[str]]:
    """Extra → its requirements, as pyproject.toml has them; "" are the base install's."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {"": project["dependencies"], **project["optional-dependencies"]}


def distributions(extra: str) -> set[str]:
    """Canonical names of all distributions that an installation with `extra` has, by the metadata of those here."""
    extras, names = declared_extras(), set[str]()
    waiting = [Requirement(text) for text in [*extras[""], *extras.get(extra, [])]]
    while waiting:
        requirement = waiting.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        if requirement.name == "sentinode":
            waiting += [Requirement(text) for name in requirement.extras for text in extras[name]]
            continue
        if (name := canonicalize_name(requirement.name)) in names:
            continue
        names.add(name)
        waiting += [inner for text in requires(name) or [] if _wanted(inner := Requirement(text), requirement.extras)]
    return names


def modules_without(extra: str) -> list[str]:
    """Top-level modules of all that is installed here and would not be with `extra` alone."""
    there = {*distributions(extra), "sentinode"}
    return [module for module, owners in _owners().items() if not owners & there]


@cache
def _owners() -> dict[str, set[str]]:
    """Top-level module → canonical names of the distributions that have a part of it; takes a second or two."""
    return {module: {*map(canonicalize_name, names)} for module, names in packages_distributions().items()}


def _wanted(requirement: Requirement, extras: set[str]) -> bool:
    if requirement.marker is None:
        return True
    wanted = any(requirement.marker.evaluate({"extra": extra}) for extra in extras or {""})
    requirement.marker = None
    return wanted
