"""The side of a child process: takes jobs from standard input and answers on standard output, a line of JSON each.

A job or an answer may bring bytes, such as an image: the line says how many follow it. A process of its own has its own
interpreter lock, its own memory and a lower priority than the server; a fault in a library ends it and not the server,
and it can be ended at any moment. It ends when its standard input does, so it never outlives the server.
"""

import contextlib
import json
import logging
import os
import select
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
CONTENT, CONTENT_BYTES = "content", "content_bytes"
"""Bytes of a job or of what is `finished`, and in a line how many follow."""
_STOPPED = 130


def serve_jobs(handle: Callable[[Fields, Say], Fields]) -> None:
    """Take jobs until standard input ends.

    The command line's first word is the niceness, the second, if there is one, the most bytes of memory to be written.

    Args:
        handle: Given a job and what tells the server how far it is; returns what is told as `finished`. What it raises
            is told as `failed`: the message of a `SentinodeError` and its type as `error`; of any other only its type
            and its `places`, because its message may name a patient's file.
    """
    if hasattr(os, "nice"):
        os.nice(int(sys.argv[1]))
    _limit_memory(*map(int, sys.argv[2:3]))
    # What libraries say of slides goes to the server's log, in which no name of a file may be.
    warnings.simplefilter("ignore")
    logging.disable()
    # A library that prints must not write into the middle of a line.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def say(fields: Fields) -> None:
        content = fields.get("finished", {}).pop(CONTENT, b"")
        counted = {CONTENT_BYTES: len(content)} if content else {}
        answers.write(json.dumps({**fields, **counted}).encode() + b"\n" + content)
        answers.flush()

    threading.Thread(target=_end_with_the_server, daemon=True).start()
    begun = False
    while True:
        job = _next_job()
        if not begun:  # a deadline begins here, and not while libraries are loaded
            say({"begun": True})
            begun = True
        say(_answer(handle, job, say))


def _next_job() -> Fields:
    # In the thread that works: another would have to wake it, which takes as long as some tiles.
    line = sys.stdin.buffer.readline()
    if not line:
        os._exit(_STOPPED)
    job: Fields = json.loads(line)
    if count := job.pop(CONTENT_BYTES, 0):
        job[CONTENT] = sys.stdin.buffer.read(count)
    return job


def _end_with_the_server() -> None:
    """End this process when its input does, in the middle of a job, too: what is written is whole at every moment."""
    poll = select.poll()
    poll.register(sys.stdin.fileno(), select.POLLHUP)
    poll.poll()
    os._exit(_STOPPED)


def _limit_memory(most: int = 0) -> None:
    # Of what is written: unlike all that is addressed, it counts neither libraries nor what threads only reserve.
    # Beyond it memory is refused, which Python and most libraries survive. Linux keeps to it, macOS does not.
    if most:
        with contextlib.suppress(ImportError, OSError, ValueError):
            import resource

            resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _answer(handle: Callable[[Fields, Say], Fields], job: Fields, say: Say) -> Fields:
    try:
        return {"finished": handle(job, say)}
    except SentinodeError as error:
        return {"failed": one_line(error), "error": type(error).__name__}
    except Exception as error:  # noqa: BLE001 - nobody foresaw it; the next job must not suffer
        return {"failed": f"it failed unexpectedly ({type(error).__name__})", "places": places_of(error)}
