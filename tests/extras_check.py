"""Builds the wheel, and runs one command in a fresh virtual environment for each extra.

    python tests/extras_check.py [EXTRA…]

Prints what each environment weighs, and what its installation and its command took. The base install is "base".
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Sequence
from pathlib import Path

from helpers.extra_jobs import JOBS, ROOT, run_job, write_material

_PIP = ("-m", "pip", "-qq", "--disable-pip-version-check")


def main(extras: Sequence[str]) -> int:
    """Check each extra; the number of those that failed."""
    failures = 0
    with tempfile.TemporaryDirectory(prefix="extras-") as name:
        folder = Path(name)
        wheel = _wheel(folder / "wheel")
        for extra in extras or [extra or "base" for extra in JOBS]:
            material = folder / extra
            material.mkdir()
            write_material(material)
            failures += _fails(extra, wheel, folder / "environment", material)
            shutil.rmtree(folder / "environment")
    return failures


def _wheel(out: Path) -> Path:
    subprocess.run([sys.executable, *_PIP, "wheel", "--no-deps", "--wheel-dir", str(out), str(ROOT)], check=True)
    return next(out.glob("*.whl"))


def _fails(extra: str, wheel: Path, environment: Path, material: Path) -> bool:
    start = time.monotonic()
    venv.create(environment, with_pip=True)
    program = environment / ("Scripts" if os.name == "nt" else "bin")
    wanted = str(wheel) if extra == "base" else f"{wheel}[{extra}]"
    constraints = str(ROOT / "constraints.txt")
    subprocess.run([str(program / "python"), *_PIP, "install", "--constraint", constraints, wanted], check=True)
    installed = time.monotonic()
    job = JOBS["" if extra == "base" else extra]
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}
    said = run_job([str(program / "sentinode")], job, material, {**bare, "SENTINODE_CACHE": str(material / "cache")})
    ran = time.monotonic()
    size = sum(path.stat().st_size for path in environment.rglob("*") if path.is_file() and not path.is_symlink())
    figures = f"{size / 1e6:6,.0f} MB, installed in {installed - start:4.0f} s, ran in {ran - installed:4.0f} s"
    sys.stdout.write(f"{extra:<10} {figures}  {job.words.partition(' --')[0]}{'  FAILED' if said else ''}\n{said}")
    sys.stdout.flush()
    return bool(said)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
