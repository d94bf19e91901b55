"""Those who attack: a process of its own, so that what it does costs the honest clients no time of theirs."""

import multiprocessing
import os
import random
import threading
import time
from collections import Counter
from typing import Any

from sentinode.testing.siege.attack_table import ATTACKS
from sentinode.testing.siege.target import Target

_AT_ONCE = 4
_NICENESS = 10
"""Attackers come from other machines; here they share one with the server, and must not take its processors."""
_PATIENCE_S = 180.0
"""After its time each attack that has begun may end."""

Tally = dict[str, Counter[str]]
"""Attack → how often it was answered what."""


class Besiegers:
    """Attacks, some at a time, one after another, until their time is over. For `with`."""

    def __init__(self, target: Target, seconds: float) -> None:
        context = multiprocessing.get_context("spawn")
        self._answers: Any = context.Queue()
        self._seconds = seconds
        self._process = context.Process(target=_besiege, args=(target, seconds, self._answers), daemon=True)

    def __enter__(self) -> "Besiegers":
        self._process.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._process.is_alive():
            self._process.terminate()
        self._process.join()

    def tally(self) -> Tally:
        """What was done and answered, once all of them have ended."""
        found: Tally = self._answers.get(timeout=self._seconds + _PATIENCE_S)
        return found


def _besiege(target: Target, seconds: float, answers: Any) -> None:
    os.nice(_NICENESS)
    end = time.monotonic() + seconds
    tally: Tally = {attack.__name__: Counter() for attack in ATTACKS}
    lanes = [threading.Thread(target=_lane, args=(target, number, end, tally)) for number in range(_AT_ONCE)]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()
    answers.put(tally)


def _lane(target: Target, number: int, end: float, tally: Tally) -> None:
    chance = random.Random(number)
    while time.monotonic() < end:
        for attack in chance.sample(ATTACKS, len(ATTACKS)):
            if time.monotonic() >= end:
                return
            try:
                found = attack(target, chance)
            except OSError as error:  # nothing listens any more, or this process has too much open
                found = [type(error).__name__]
            tally[attack.__name__].update(found)
