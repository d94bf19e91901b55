"""Transactions."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlalchemy.orm import Session


@contextmanager
def transaction(engine: Engine) -> Iterator[Session]:
    """A transaction: committed at the end of the block, or rolled back. Rows stay readable afterwards."""
    with Session(engine, expire_on_commit=False) as opened, opened.begin():
        yield opened
