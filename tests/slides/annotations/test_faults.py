"""Annotations that are not what they should be: what is mended is told, what can't be is refused in one line."""

from pathlib import Path

import pytest

from sentinode.core.errors import AnnotationError
from sentinode.slides.annotations.annotation_file import read_annotations

_SQUARE = ((0, 0), (40, 0), (40, 40), (0, 40))


def _asap(path: Path, *rings: tuple[tuple[object, object], ...], name: str = "a", head: str = "") -> Path:
    drawn = "".join(
        f'<Annotation Name="{name}" Type="Polygon" PartOfGroup="Tumor"><Coordinates>'
        + "".join(f'<Coordinate Order="{n}" X="{x}" Y="{y}"/>' for n, (x, y) in enumerate(ring))
        + "</Coordinates></Annotation>"
        for ring in rings
    )
    path.write_text(f"{head}<ASAP_Annotations><Annotations>{drawn}</Annotations></ASAP_Annotations>")
    return path


def test_a_line_of_two_points_is_left_out_and_told(tmp_path: Path) -> None:
    found = read_annotations(_asap(tmp_path / "a.xml", _SQUARE, ((5, 5), (9, 9))))
    assert found.tumour.area == 1600
    assert any("encloses no area; it is left out" in warning for warning in found.warnings)


def test_a_line_that_is_closed_and_one_that_is_not_are_the_same(tmp_path: Path) -> None:
    open_line = read_annotations(_asap(tmp_path / "a.xml", _SQUARE))
    closed = read_annotations(_asap(tmp_path / "b.xml", (*_SQUARE, _SQUARE[0])))
    assert open_line.tumour.equals(closed.tumour)
    assert open_line.warnings == closed.warnings == ()


def test_regions_of_one_name_stay_apart(tmp_path: Path) -> None:
    away = tuple((x + 100, y) for x, y in _SQUARE)
    found = read_annotations(_asap(tmp_path / "a.xml", _SQUARE, away))
    assert [region.name for region in found.regions] == ["a", "a"]
    assert found.tumour.area == 3200


@pytest.mark.parametrize("value", ["nan", "inf", "-Infinity", "", "12,5"])
def test_a_coordinate_that_is_no_number_is_refused(tmp_path: Path, value: str) -> None:
    path = _asap(tmp_path / "a.xml", ((0, 0), (40, 0), (value, 40)))
    with pytest.raises(AnnotationError, match="export it again") as refusal:
        read_annotations(path)
    assert "a.xml" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_an_entity_bomb_is_refused_at_once(tmp_path: Path) -> None:
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<!DOCTYPE b [<!ENTITY e0 "{"z" * 1000}">{levels}]>'
    path = _asap(tmp_path / "a.xml", _SQUARE, name="&e11;", head=bomb)
    with pytest.raises(AnnotationError, match="damaged XML"):
        read_annotations(path)


def test_an_entity_that_names_a_file_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    head = f'<!DOCTYPE a [<!ENTITY file SYSTEM "{(tmp_path / "secret.txt").as_uri()}">]>'
    path = _asap(tmp_path / "a.xml", _SQUARE, head=head)
    path.write_text(path.read_text().replace("<Annotations>", "<Annotations>&file;"))
    with pytest.raises(AnnotationError, match="damaged XML"):
        read_annotations(path)
