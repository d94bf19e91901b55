"""Promotes a version again and again, each time killed at the next moment, until one is not: `DATA HASH`.

A moment is just before and just after each statement of the database, and just before each commit. Each promotion is
made in a process of its own. Prints, as JSON, how each ended and what was found after it.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

from sqlalchemy import Engine, event

from sentinode.registry.alias import Alias
from sentinode.registry.place import open_registry

ALIAS = Alias("plain", "champion")


def _promote(data: Path, sha256: str, kill_at: int) -> NoReturn:
    passed = 0

    def moment(*_arguments: Any) -> None:
        nonlocal passed
        if passed == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        passed += 1

    status = 3
    try:
        with open_registry(data) as registry:
            for name in ("before_cursor_execute", "after_cursor_execute", "commit"):
                event.listen(Engine, name, moment)
            registry.promote(ALIAS, sha256, "shell", "to be killed", force=True)
            moment()
        status = 0
    finally:
        os._exit(status)


def main(data: Path, sha256: str) -> list[dict[str, Any]]:
    """What was found after each."""
    found: list[dict[str, Any]] = []
    while not found or found[-1]["status"] == -signal.SIGKILL:
        process = os.fork()
        if not process:
            _promote(data, sha256, len(found))
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        with open_registry(data) as registry:
            last = registry.log("plain", "champion")[-1]
            target = registry.open(ALIAS).sha256
            found.append({"status": status, "action": last.action, "to": last.to_sha256, "target": target})
            if target == sha256:
                registry.rollback(ALIAS, "shell")
    return found


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), sys.argv[2])))  # noqa: T201 - its answer
