"""Extras follow jobs: each runs with its extra alone, and what it lacks without is one line with the install line."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from helpers import without
from helpers.extra_jobs import JOBS, Job, declared_extras, distributions, modules_without, run_job, write_material
from sentinode.cli.main import EXTRAS, app

_TORCH = (
    "sentinode.models.networks.timm_network",
    "torch._dynamo",
    "sentinode.models.bundle_network",
    "sentinode.models.bundle_writer",
)
"""What takes seconds to import and is in every extra with torch."""
_NO_JOB = {"all", "dev", "postgresql"}  # two are several jobs, and one wants a database server


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("jobs")
    write_material(folder)
    return folder


def program(extra: str, material: Path) -> list[str]:
    """The command line of `sentinode` as if one extra alone were installed."""
    hidden = material / f"without-{extra or 'any'}.txt"
    hidden.write_text("\n".join(modules_without(extra)), encoding="utf-8")
    return [sys.executable, str(without.__file__), str(hidden)]


def environment(material: Path) -> dict[str, str]:
    return {**os.environ, "SENTINODE_CACHE": str(material / "cache"), "SENTINODE_THREADS": "1"}


def said_by(commands: Sequence[tuple[str, Job]], start: str, preload: Sequence[str], material: Path) -> list[str]:
    """What jobs said where they failed, each as if the extra before it alone were installed.

    They are forks of one process, which has loaded `preload` as if the extra `start` alone were installed.
    """
    asked = [{"hidden": modules_without(extra), "words": job.words.split()} for extra, job in commands]
    done = subprocess.run(
        program(start, material), input=json.dumps({"preload": preload, "commands": asked}), cwd=material,
        env=environment(material), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [str(said) for said in json.loads(done.stdout)]


@pytest.fixture(scope="module")
def said_without(material: Path) -> dict[str, str]:
    """What each job says of the extra that it needs, where there is the base install alone."""
    extras = [extra for extra in JOBS if extra]
    return dict(zip(extras, said_by([("", JOBS[extra]) for extra in extras], "", [], material), strict=True))


@pytest.fixture(scope="module")
def said_with_torch(material: Path) -> dict[str, str]:
    """What the jobs said whose extra has `torch` in it; importing that takes longer than most of them."""
    extras = [extra for extra in JOBS if distributions(extra) >= distributions("torch")]
    assert extras
    jobs = [(extra, JOBS[extra]) for extra in extras]
    return dict(zip(extras, said_by(jobs, "torch", _TORCH, material), strict=True))


def test_every_extra_has_a_job() -> None:
    assert set(JOBS) | _NO_JOB == set(declared_extras())


def test_every_command_that_needs_more_says_which_extra() -> None:
    commands = {info.name for info in (*app.registered_commands, *app.registered_groups)}
    assert {words.split()[0] for words in EXTRAS} <= commands | {
        info.typer_instance.info.name for info in app.registered_groups
    }
    named = {extra for extras in EXTRAS.values() for extra in extras.split(",")}
    assert named <= set(declared_extras())


@pytest.mark.slow
@pytest.mark.parametrize("extra", JOBS)
def test_a_job_runs_with_its_extra_alone(material: Path, said_with_torch: dict[str, str], extra: str) -> None:
    if extra not in said_with_torch:
        assert run_job(program(extra, material), JOBS[extra], material, environment(material)) == ""
        return
    assert said_with_torch[extra] == ""
    assert (material / JOBS[extra].leaves).exists()


@pytest.mark.parametrize("extra", [extra for extra in JOBS if extra])
def test_a_job_without_its_extra_gives_the_install_line(said_without: dict[str, str], extra: str) -> None:
    said = said_without[extra]
    assert said.startswith("error: this needs ")
    assert said.endswith(f"pip install 'sentinode[{extra}]'\n")
    assert said.count("\n") == 1
