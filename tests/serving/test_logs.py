"""Log lines: written together at the end of a turn, at once outside of the loop, and never lost by a turn's error."""

import asyncio
import io
import logging
from collections.abc import Iterator

import pytest

from sentinode.serving.logs import TogetherHandler


class _Stream(io.StringIO):
    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []

    def write(self, text: str) -> int:
        self.writes.append(text)
        return super().write(text)


@pytest.fixture
def stream() -> _Stream:
    return _Stream()


@pytest.fixture
def log(stream: _Stream) -> Iterator[logging.Logger]:
    logger, handler = logging.getLogger("sentinode.test_logs"), TogetherHandler(stream)
    logger.propagate, logger.handlers = False, [handler]
    logger.setLevel(logging.INFO)
    yield logger
    logger.handlers = []


def test_the_lines_of_one_turn_are_one_write(log: logging.Logger, stream: _Stream) -> None:
    async def work() -> None:
        log.info("a")
        log.info("b")
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        log.info("c")
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    asyncio.run(work())
    assert stream.writes == ["a\nb\n", "c\n"]


def test_a_thread_without_a_loop_writes_at_once(log: logging.Logger, stream: _Stream) -> None:
    log.warning("a")
    log.warning("b")
    assert stream.writes == ["a\n", "b\n"]


def test_what_a_loop_leaves_is_written_at_the_end(log: logging.Logger, stream: _Stream) -> None:
    async def work() -> None:
        await asyncio.sleep(0)
        log.error("last")

    asyncio.run(work())
    log.handlers[0].flush()  # as logging does when the process ends
    assert stream.getvalue() == "last\n"


def test_a_stream_that_is_gone_stops_nobody(log: logging.Logger, stream: _Stream) -> None:
    stream.close()
    log.error("nobody reads this")
