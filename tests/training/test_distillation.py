from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from sentinode.core.errors import DataError, RecipeError
from sentinode.core.progress import SILENT
from sentinode.core.settings import Settings
from sentinode.data.dataset import load_dataset
from sentinode.models.bundle import open_bundle
from sentinode.training.distillation import distillation_loss, load_teacher, read_unlabelled
from sentinode.training.network_bundle import train_network
from sentinode.training.recipe import Recipe
from sentinode.training.training_config import TrainingConfig


def test_the_loss_is_nothing_for_equal_answers_and_grows_with_their_distance() -> None:
    taught = torch.tensor([[0.0, 2.0], [1.0, -1.0]])
    assert distillation_loss(taught + 5, taught, 2.0).item() == pytest.approx(0, abs=1e-6)
    near, far = (distillation_loss(taught + torch.tensor([0.0, step]), taught, 2.0).item() for step in (0.5, 2.0))
    assert 0 < near < far


def test_the_loss_is_kullback_leibler_times_the_squared_temperature() -> None:
    logits, taught = torch.tensor([[0.3, -0.2]]), torch.tensor([[1.0, 0.5]])
    teacher, student = (values.div(3).softmax(1) for values in (taught, logits))
    expected = 9 * (teacher * (teacher / student).log()).sum().item()
    assert distillation_loss(logits, taught, 3.0).item() == pytest.approx(expected, rel=1e-5)


def test_one_logit_is_taken_as_that_of_the_positive_class() -> None:
    taught = torch.tensor([[0.0, 1.5]])
    assert distillation_loss(torch.tensor([[1.5]]), taught, 1.0).item() == pytest.approx(0, abs=1e-6)


def test_unlabelled_images_are_read_in_order_and_must_fit(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    for name, value in (("b.png", 7), ("below/a.jpg", 200)):
        Image.fromarray(np.full((8, 8, 3), value, np.uint8)).save(tmp_path / name)
    images = read_unlabelled(str(tmp_path), 8)
    assert images.shape == (2, 8, 8, 3)
    assert images[0, 0, 0, 0] == 7
    with pytest.raises(DataError, match="8×8 px, and the labelled images 9×9"):
        read_unlabelled(str(tmp_path), 9)
    with pytest.raises(DataError, match="no JPEG, PNG or TIFF"):
        read_unlabelled(str(tmp_path / "nothing"), 8)


@pytest.mark.parametrize(
    ("values", "message"),
    [({"teacher": "pcam"}, "bundle:PATH"), ({"unlabelled": "folder"}, "only be learned from a teacher")],
)
def test_a_recipe_that_contradicts_itself_is_refused(values: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrainingConfig(**values)  # type: ignore[arg-type]


def test_a_student_learns_its_teachers_answers(
    small_recipe: Callable[..., Recipe], settings: Settings, tmp_path: Path
) -> None:
    teacher_recipe = small_recipe(model={"test_time": "d4"})
    data = load_dataset(teacher_recipe.data, cache=settings.cache, progress=SILENT)
    teacher = train_network(teacher_recipe, data, tmp_path / "teacher", threads=1, progress=SILENT)
    assert teacher is not None
    for number in range(12):
        Image.fromarray(data.images("train")[number]).save(tmp_path / f"{number}.png")
    recipe = small_recipe(
        training={
            "teacher": f"bundle:{tmp_path / 'teacher' / 'bundle'}",
            "teacher_looks": 2,
            "unlabelled": str(tmp_path),
            "epochs": 4,
            "augmentation": {"mixup": 0.2, "appearance": 0.5},
        }
    )
    student = train_network(recipe, data, tmp_path / "student", threads=1, progress=SILENT)
    assert student is not None
    assert student.log[-1]["train_loss"] < student.log[0]["train_loss"]
    assert "taught by bundle:" in open_bundle(tmp_path / "student" / "bundle").info.provenance.trained_on

    loaded = load_teacher(recipe.training, data.manifest.class_names, data.tiles.shape[1])
    images = torch.from_numpy(np.asarray(data.images("test")[:16])).float()
    assert loaded(images).shape == (16, 2)
    # All eight orientations are what the bundle itself answers, and its test-time averaging is not done twice.
    whole = load_teacher(
        recipe.training.model_copy(update={"teacher_looks": 8}), data.manifest.class_names, data.tiles.shape[1]
    )
    answers = _answers(open_bundle(tmp_path / "teacher" / "bundle"), images)
    assert torch.allclose(whole(images).softmax(1), answers, atol=1e-4)
    with pytest.raises(RecipeError, match="name a bundle of the same classes and size"):
        load_teacher(recipe.training, ("a", "b"), data.tiles.shape[1])


def _answers(bundle: object, images: Tensor) -> Tensor:
    from sentinode.models.bundle_network import load_deployed

    deployed: nn.Module = load_deployed(bundle)  # type: ignore[arg-type]
    with torch.inference_mode():
        answers: Tensor = deployed(images)[0]
    return answers
