"""The errors: one root, and the fitting builtin beside it."""

import inspect

import pytest

from sentinode.core import errors

_CHILDREN = [
    value
    for _, value in inspect.getmembers(errors, inspect.isclass)
    if issubclass(value, errors.SentinodeError) and value is not errors.SentinodeError
]


@pytest.mark.parametrize("child", _CHILDREN)
def test_each_child_also_inherits_a_builtin(child: type) -> None:
    builtins = [base for base in child.__mro__ if base.__module__ == "builtins"]
    assert set(builtins) - {Exception, BaseException, object}


@pytest.mark.parametrize("child", _CHILDREN)
def test_message_is_printed_as_it_was_given(child: type) -> None:
    assert str(child("x.csv has no column label; add it")) == "x.csv has no column label; add it"
