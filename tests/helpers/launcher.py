"""Runs `sentinode` commands in forked processes, killed at a chosen moment or short of disk space.

A process of its own that imports everything once: a command then starts in no time. Requests come as lines of JSON:
{"words", "output", "watch", "kill_at", "file_bytes"} starts a command and answers with its process; {"wait": process}
answers with its status.
"""

import io
import json
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NoReturn

import h5py  # noqa: F401 - imported once, for all commands
import openvino  # noqa: F401
import pyarrow.parquet  # noqa: F401
import tifffile  # noqa: F401

from sentinode.cli.main import main
from sentinode.models.engines.engine import Engine
from sentinode.models.mil import slide_engine  # noqa: F401
from sentinode.scanning import scan_queue, slide_model_output  # noqa: F401
from sentinode.scanning.progress_file import BatchFile
from sentinode.studies import feature_study, scan_study, slide_feature_study  # noqa: F401

_FILE_EVENTS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree"}


def _count_moments(watch: list[str], kill_at: int | None, output: Path) -> None:
    """Kill this process at its moment number `kill_at`; without one, leave their number in OUTPUT.moments.

    A moment is just before something happens to a file below one of `watch`, before a batch is scored, and before and
    in the middle of writing its scores.
    """
    passed = 0

    def moment() -> None:
        nonlocal passed
        if passed == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        passed += 1
        os.pwrite(counter, str(passed).encode(), 0)

    counter = os.open(f"{output}.moments", os.O_CREAT | os.O_TRUNC | os.O_WRONLY)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _FILE_EVENTS and any(str(part).startswith(path) for part in arguments for path in watch):
            moment()

    sys.addaudithook(hook)
    score, write = Engine.predict, BatchFile._write

    def scoring(*arguments: Any, **options: Any) -> Any:
        moment()
        return score(*arguments, **options)

    def writing(self: BatchFile, content: bytes) -> None:
        moment()
        write(self, content[: len(content) // 2])
        moment()
        write(self, content[len(content) // 2 :])

    Engine.predict = scoring  # type: ignore[method-assign]
    BatchFile._write = writing  # type: ignore[method-assign]


def _run(request: dict[str, Any]) -> NoReturn:
    output, printed = Path(request["output"]), io.StringIO()
    output.touch()
    if request.get("watch"):
        _count_moments(request["watch"], request.get("kill_at"), output)
    if request.get("file_bytes"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["file_bytes"], resource.RLIM_INFINITY))
    status = 3
    try:
        with redirect_stdout(printed), redirect_stderr(printed):
            main(request["words"])
    except SystemExit as error:
        status = int(error.code or 0)
    finally:
        if status == 3:
            traceback.print_exc(file=printed)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        output.write_text(printed.getvalue(), encoding="utf-8")
        os._exit(status)


def _serve(answer: Callable[[int], object]) -> None:
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            answer(os.waitstatus_to_exitcode(os.waitpid(request["wait"], 0)[1]))
            continue
        process = os.fork()
        if not process:
            _run(request)
        answer(process)


if __name__ == "__main__":
    _serve(lambda number: print(number, flush=True))  # noqa: T201 - its answers
