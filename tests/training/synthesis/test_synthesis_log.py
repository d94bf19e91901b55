"""When a run counts as collapsed."""

from sentinode.training.synthesis.synthesis_log import CheckRow, collapsed


def _rows(*found: tuple[int, float, float]) -> list[CheckRow]:
    """Step, diversity and recall."""
    return [CheckRow(step, 1.0, 1.0, diversity, 0.5, recall) for step, diversity, recall in found]


def test_two_checks_with_nearly_one_image_a_class_are_a_collapse_and_one_is_not() -> None:
    assert not collapsed(_rows((400, 0.9, 0.5), (500, 0.1, 0.5)), 1000)
    assert "0.10, 0.05 of real ones'" in collapsed(_rows((400, 0.1, 0.5), (500, 0.05, 0.5)), 1000)
    assert collapsed(_rows((400, float("nan"), 0.5), (500, 0.05, 0.5)), 1000)
    assert not collapsed(_rows((400, 0.1, 0.5), (500, 0.05, 0.5), (600, 0.6, 0.5)), 1000)


def test_a_generator_may_begin_with_images_that_are_all_alike() -> None:
    assert not collapsed(_rows((100, 0.01, 0.0), (200, 0.01, 0.0), (300, 0.01, 0.0), (400, 0.01, 0.0)), 1000)


def test_three_late_checks_without_a_real_image_among_the_drawn_are_a_collapse() -> None:
    assert "recall 0 at 3 checks" in collapsed(_rows((600, 0.9, 0.0), (700, 0.9, 0.0), (800, 0.9, 0.0)), 1000)
    assert not collapsed(_rows((600, 0.9, 0.0), (700, 0.9, 0.0), (800, 0.9, 0.01)), 1000)
    assert not collapsed(_rows((300, 0.9, 0.0), (400, 0.9, 0.0), (500, 0.9, 0.0)), 1000)
