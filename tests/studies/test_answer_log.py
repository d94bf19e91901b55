from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinode.studies.answer_log import AnswerLog, LoggedAnswer, stamp_of

HEAD = {"graph": "a" * 64, "engine": "openvino"}
ANSWERS = [LoggedAnswer(f"image {number}", f"0.{number}", [number, 5]) for number in range(6)]


def test_what_was_noted_is_there_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "submission.csv.partial"
    log = AnswerLog(path, HEAD)
    assert log.load() == {}
    log.append(ANSWERS[:2])
    log.append(ANSWERS[2:])
    again = AnswerLog(path, dict(reversed(HEAD.items()))).load()
    assert list(again.values()) == ANSWERS
    assert again["image 3"].stamp == [3, 5]


@given(cut=st.integers(1, 400))
def test_a_torn_end_costs_no_more_than_what_is_torn(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    path = tmp_path_factory.mktemp("torn") / "journal"
    log = AnswerLog(path, HEAD)
    log.load()
    log.append(ANSWERS)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) - cut])
    whole = content[: len(content) - cut].count(b"\n") - 1
    assert list(log.load().values()) == ANSWERS[: max(0, whole)]
    log.append(ANSWERS)  # goes on behind the last whole line
    assert list(log.load().values()) == ANSWERS


def test_a_log_of_another_model_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    AnswerLog(path, HEAD).load()
    AnswerLog(path, HEAD).append(ANSWERS)
    other = AnswerLog(path, HEAD | {"graph": "b" * 64})
    assert other.load() == {}
    other.append(ANSWERS[:1])
    assert list(other.load().values()) == ANSWERS[:1]


def test_the_last_answer_to_an_image_counts(tmp_path: Path) -> None:
    log = AnswerLog(tmp_path / "journal", HEAD)
    log.load()
    newer = LoggedAnswer("image 0", "0.9", [7, 7])
    log.append([ANSWERS[0], newer])
    assert log.load() == {"image 0": newer}


def test_a_stamp_changes_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert stamp_of(path) == []
    path.write_text("one")
    before = stamp_of(path)
    path.write_text("three")
    assert stamp_of(path) != before
