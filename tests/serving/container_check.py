"""Runs the steps of the Containerfile in a clean folder, for machines without a container program.

    python tests/serving/container_check.py

COPY takes files that git knows only; RUN is run by `sh` with a bare environment; the image's absolute paths (/src,
/opt, /data) become folders below a temporary one. At the end the server is started by ENTRYPOINT and CMD, the health
check is run against it, and SIGTERM ends it. What this can't show is the base image itself: the Python here stands for
its own.
"""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
_PATHS = re.compile(r"(?<![\w.$}])/(src|opt|data)(?=[/\"'\s:]|$)")
_UID = 10001


@dataclass
class Stage:
    """A stage's folder and what its instructions have set."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    user: str = "0"
    told: dict[str, str] = field(default_factory=dict)

    def mapped(self, text: str) -> str:
        """A command of the image for this machine."""
        return _PATHS.sub(lambda found: f"{self.folder}/{found[1]}", text)

    @property
    def bare(self) -> dict[str, str]:
        """The environment of a command: nothing of this shell but where programs and packages are found."""
        kept = {
            name: os.environ[name]
            for name in ("HOME", "PIP_CONFIG_FILE", "NPM_CONFIG_USERCONFIG")
            if name in os.environ
        }
        base = {**kept, "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"}
        for name, value in self.environment.items():
            base[name] = self.mapped(value.replace("$PATH", base["PATH"]))
        return base


def instructions(text: str) -> list[tuple[str, str]]:
    """(name, rest) of each instruction; comments and blank lines are left out, continued lines joined."""
    joined = re.sub(r"\\\n", " ", re.sub(r"(?m)^#.*\n?", "", text))
    return [
        (line.partition(" ")[0].upper(), line.partition(" ")[2].strip()) for line in joined.splitlines() if line.strip()
    ]


def main() -> None:
    """Run every step; the first that fails ends it."""
    with tempfile.TemporaryDirectory(prefix="container-") as name:
        Path(name).chmod(0o755)  # the server's user has to reach it
        stages: dict[str, Stage] = {}
        stage = Stage(Path(name))
        for instruction, rest in instructions((ROOT / "Containerfile").read_text(encoding="utf-8")):
            _say(f"{instruction} {rest[:150]}")
            if instruction == "FROM":
                base, _, alias = rest.partition(" AS ")
                assert re.fullmatch(r"python:3\.\d+-slim", base), base
                stage = Stage(Path(name) / (alias or "final"))
                stage.folder.mkdir()
                stages[alias or "final"] = stage
            else:
                _step(stage, stages, instruction, rest)
        final = stages["final"]
        assert final.user not in ("0", "root"), "the server would run as root"
        assert {"HEALTHCHECK", "ENTRYPOINT", "CMD", "EXPOSE", "VOLUME"} <= set(final.told), final.told
        _started(final)
    _say("every step of the Containerfile ran")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _step(stage: Stage, stages: dict[str, Stage], instruction: str, rest: str) -> None:
    if instruction in ("ENV", "ARG"):
        stage.environment |= dict(part.split("=", 1) for part in shlex.split(rest))
    elif instruction == "WORKDIR":
        stage.workdir = rest
        (stage.folder / rest.strip("/")).mkdir(parents=True, exist_ok=True)
    elif instruction == "USER":
        stage.user = rest
    elif instruction == "COPY":
        _copy(stage, stages, rest)
    elif instruction == "RUN":
        _run(stage, rest)
    else:
        stage.told[instruction] = rest


def _copy(stage: Stage, stages: dict[str, Stage], rest: str) -> None:
    *sources, target = rest.split()
    if sources[0].startswith("--from="):
        origin = stages[sources.pop(0).removeprefix("--from=")]
        # Programs of a virtual environment name its folder: in an image it is the same one.
        shutil.copytree(origin.folder / sources[0].strip("/"), stage.folder / target.strip("/"), symlinks=True)
        for script in (stage.folder / target.strip("/") / "bin").iterdir():
            content = b"" if script.is_symlink() or not script.is_file() else script.read_bytes()
            if content.startswith(b"#!"):
                script.write_bytes(content.replace(bytes(origin.folder), bytes(stage.folder)))
        return
    into = stage.folder / stage.workdir.strip("/")
    for source in sources:
        known = subprocess.run(["git", "ls-files", "-z", source], cwd=ROOT, capture_output=True, text=True, check=True)
        files = [file for file in known.stdout.split("\0") if file]
        assert files, f"{source} is not in the repository"
        for file in files:
            place = into / target / Path(file).relative_to(source) if (ROOT / source).is_dir() else into / target / file
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / file, place)


def _run(stage: Stage, command: str) -> None:
    command = stage.mapped(command)
    if command.startswith("useradd"):  # into files of its own, not into this machine's
        etc = stage.folder / "etc"
        etc.mkdir(exist_ok=True)
        for name in ("passwd", "group", "shadow", "gshadow"):
            (etc / name).touch()
        command = command.replace("useradd", f"useradd --prefix {stage.folder}", 1)
    if os.geteuid() != 0:
        command = re.sub(r"-o \d+ -g \d+ ", "", command)
    subprocess.run(["sh", "-c", command], cwd=stage.folder / stage.workdir.strip("/"), env=stage.bare, check=True)


def _started(stage: Stage) -> None:
    """Start the server as the image does, ask its health, end it."""
    program = json.loads(stage.told["ENTRYPOINT"])
    words = [stage.mapped(word) for word in json.loads(stage.told["CMD"])]
    check = json.loads(stage.told["HEALTHCHECK"].partition("CMD ")[2])
    port = "18743"
    assert stage.told["EXPOSE"] == "8000"
    as_user = []
    if os.geteuid() == 0:
        as_user = ["setpriv", f"--reuid={_UID}", f"--regid={_UID}", "--clear-groups"]
    here = {"cwd": stage.folder / "data", "env": {**stage.bare, "HOME": str(stage.folder / "data")}}
    users = words[words.index("--users") + 1]
    # The image's own path first: these are its programs, not this machine's.
    programs = {name: shutil.which(name, path=here["env"]["PATH"]) for name in (program[0], check[0])}
    assert all(str(path).startswith(str(stage.folder)) for path in programs.values()), programs
    subprocess.run(
        [*as_user, programs["sentinode"], "users", "add", users, "me"], check=True, capture_output=True, **here
    )
    server = subprocess.Popen([*as_user, programs[program[0]], *program[1:], *words, "--port", port], **here)
    try:
        for _ in range(240):
            asked = [programs[check[0]], *(word.replace("8000", port) for word in check[1:])]
            healthy = subprocess.run(asked, capture_output=True, check=False, **here).returncode == 0
            if healthy or server.poll() is not None:
                break
            time.sleep(0.5)
        assert healthy, "the health check never passed"
    finally:
        server.send_signal(getattr(signal, stage.told["STOPSIGNAL"]))
        status = server.wait(60)
    assert status == 0, f"the server ended with {status}"


if __name__ == "__main__":
    main()
