"""Extras follow jobs: each runs with its extra alone, and what it lacks without is one line with the install line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from helpers import without
from helpers.extra_jobs import JOBS, declared_extras, modules_without, run_job, write_material
from sentinode.cli.main import EXTRAS, app

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


@pytest.fixture(scope="module")
def said_without(material: Path) -> dict[str, str]:
    """What each job says of the extra that it needs, where there is the base install alone."""
    extras = [extra for extra in JOBS if extra]
    commands = json.dumps([JOBS[extra].words.split() for extra in extras])
    done = subprocess.run(
        program("", material), input=commands, cwd=material, env=environment(material), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(zip(extras, json.loads(done.stdout), strict=True))


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
def test_a_job_runs_with_its_extra_alone(material: Path, extra: str) -> None:
    assert run_job(program(extra, material), JOBS[extra], material, environment(material)) == ""


@pytest.mark.parametrize("extra", [extra for extra in JOBS if extra])
def test_a_job_without_its_extra_gives_the_install_line(said_without: dict[str, str], extra: str) -> None:
    said = said_without[extra]
    assert said.startswith("error: this needs ")
    assert said.endswith(f"pip install 'sentinode[{extra}]'\n")
    assert said.count("\n") == 1
