"""Extras follow jobs: each runs with its extra alone, and what it lacks without is one line with the install line."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers import without
from helpers.extra_jobs import JOBS, Job, declared_extras, distributions, run_job, write_material
from sentinode.cli.main import EXTRAS, app

_NO_JOB = {"all", "dev", "postgresql"}  # two are several jobs, and one wants a database server


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("jobs")
    write_material(folder)
    return folder


@pytest.fixture
def run(material: Path) -> Callable[[str, Job], str]:
    """Runs a job as if one extra alone were installed; what it said where it failed."""

    def run(extra: str, job: Job) -> str:
        there = material / f"{extra}.txt"
        there.write_text("\n".join(distributions(extra)), encoding="utf-8")
        environment = {**os.environ, "SENTINODE_CACHE": str(material / "cache"), "SENTINODE_THREADS": "1"}
        return run_job([sys.executable, str(without.__file__), str(there)], job, material, environment)

    return run


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
def test_a_job_runs_with_its_extra_alone(run: Callable[[str, Job], str], extra: str) -> None:
    assert run(extra, JOBS[extra]) == ""


@pytest.mark.slow
@pytest.mark.parametrize("extra", [extra for extra in JOBS if extra])
def test_a_job_without_its_extra_gives_the_install_line(run: Callable[[str, Job], str], extra: str) -> None:
    said = run("", JOBS[extra])
    assert said.startswith("error: this needs ")
    assert said.endswith(f"pip install 'sentinode[{extra}]'\n")
    assert said.count("\n") == 1
