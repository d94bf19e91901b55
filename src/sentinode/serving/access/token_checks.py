"""Tokens checked in a short queue of their own, so that guessing at them slows nobody but whoever guesses."""

import asyncio
import os
import sys
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Hashable
from concurrent.futures import ThreadPoolExecutor

from sentinode.serving.access.tokens import Access, User
from sentinode.serving.problems import Problem, busy

_MOST_WAITING, _MOST_OF_ONE = 8, 2
_WRONG_AT_ONCE = 10
"""Wrong tokens of one address before it has to wait for `_WRONG_S` with each further one."""
_WRONG_S = 10.0
_ADDRESSES = 10_000
_NICENESS = 10


class TokenChecks:
    """The users of tokens. A token that was found good before costs nothing; a wrong one costs its address."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._pool = ThreadPoolExecutor(1, "tokens", initializer=_go_after_others)
        self._waiting: Counter[str] = Counter()
        self._under_way: dict[Hashable, asyncio.Task[User | None]] = {}
        """One check for all who come with the same token meanwhile, as a page with several connections does."""
        self._free_at: OrderedDict[str, float] = OrderedDict()
        """Address → when all its wrong tokens are forgotten."""

    async def user(self, token: str, address: str) -> User | None:
        """The user of a token.

        Raises:
            Problem: 429 for an address that gave too many wrong ones, 503 while too many are being checked.
        """
        if (user := self._access.remembered(token)) is not None:
            return user
        self._refuse_guesses(address)
        question = self._access.question(token)
        check = self._under_way.get(question)
        if check is None:
            if self._waiting.total() >= _MOST_WAITING or self._waiting[address] >= _MOST_OF_ONE:
                raise busy("too many tokens are being checked")
            check = self._under_way[question] = asyncio.create_task(self._check(token, address))
            self._waiting[address] += 1  # here: a task begins only after all who are asking now
            check.add_done_callback(lambda _: self._ended(question, address))
        return await asyncio.shield(check)  # whoever goes away takes nobody else's answer along

    def close(self) -> None:
        """Check no more."""
        self._pool.shutdown(cancel_futures=True)

    async def _check(self, token: str, address: str) -> User | None:
        user = await asyncio.get_running_loop().run_in_executor(self._pool, self._access.check, token)
        if user is None:
            self._note_wrong(address)
        return user

    def _ended(self, question: Hashable, address: str) -> None:
        del self._under_way[question]
        self._waiting[address] -= 1
        if not self._waiting[address]:
            del self._waiting[address]

    def _refuse_guesses(self, address: str) -> None:
        wait = self._free_at.get(address, 0.0) - time.monotonic() - (_WRONG_AT_ONCE - 1) * _WRONG_S
        if wait > 0:
            seconds = str(max(1, round(wait)))
            raise Problem(
                429, f"too many wrong tokens came from this address; try again in {seconds} s",
                headers={"Retry-After": seconds},
            )  # fmt: skip

    def _note_wrong(self, address: str) -> None:
        free_at = max(self._free_at.pop(address, 0.0), time.monotonic()) + _WRONG_S
        self._free_at[address] = free_at
        while len(self._free_at) > _ADDRESSES:
            self._free_at.popitem(last=False)


def _go_after_others() -> None:
    """Let predictions go first; only Linux gives each thread a priority of its own."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
