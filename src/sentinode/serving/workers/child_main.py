"""The side of a child process: takes jobs from standard input and answers on standard output, a line of JSON each.

A process of its own has its own interpreter lock, its own memory and a lower priority than the server; a fault in a
library ends it and not the server, and it can be ended at any moment. It ends when its standard input does, so it never
outlives the server.
"""

import json
import logging
import os
import queue
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any

from sentinode.core.errors import SentinodeError
from sentinode.core.messages import one_line
from sentinode.serving.logs import places_of

Fields = dict[str, Any]
Say = Callable[[Fields], None]
_STOPPED = 130


def serve_jobs(handle: Callable[[Fields, Say], Fields]) -> None:
    """Take jobs until standard input ends.

    Args:
        handle: Given a job and what tells the server how far it is; returns what is told as `finished`. What it raises
            is told as `failed`: the message of a `SentinodeError` and its type as `error`; of any other only its type
            and its `places`, because its message may name a patient's file.
    """
    if hasattr(os, "nice"):
        os.nice(int(sys.argv[1]))
    # What libraries say of slides goes to the server's log, in which no name of a file may be.
    warnings.simplefilter("ignore")
    logging.disable()
    # A library that prints must not write into the middle of a line.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    jobs: queue.SimpleQueue[str] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            jobs.put(line)
        os._exit(_STOPPED)  # the server is gone; what is written is whole at every moment

    def say(fields: Fields) -> None:
        answers.write(json.dumps(fields) + "\n")
        answers.flush()

    threading.Thread(target=read, daemon=True).start()
    while True:
        say(_answer(handle, json.loads(jobs.get()), say))


def _answer(handle: Callable[[Fields, Say], Fields], job: Fields, say: Say) -> Fields:
    try:
        return {"finished": handle(job, say)}
    except SentinodeError as error:
        return {"failed": one_line(error), "error": type(error).__name__}
    except Exception as error:  # noqa: BLE001 - nobody foresaw it; the next job must not suffer
        return {"failed": f"it failed unexpectedly ({type(error).__name__})", "places": places_of(error)}
