"""The table of backbones as a person, a notebook and a program see it."""

from pathlib import Path

import pytest
from safetensors.numpy import save_file

import sentinode as sn
from sentinode.core.errors import SentinodeError
from sentinode.face import backbone_list
from sentinode.models.backbones import Backbone
from sentinode.models.model_config import ModelConfig
from sentinode.models.networks import hub


@pytest.fixture(autouse=True)
def no_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The hub's cache has Midnight alone, and any question to a network fails."""
    save_file({}, tmp_path / "model.safetensors")

    def cached(repository: str, _files: object = ()) -> Path | None:
        return tmp_path / "model.safetensors" if repository == "kaiko-ai/midnight" else None

    monkeypatch.setattr(hub, "_in_hub_cache", cached)
    monkeypatch.setattr(hub, "_in_torch_cache", lambda _url: False)
    monkeypatch.delattr(hub.urllib.request, "urlopen")


def test_all_are_listed_with_what_others_measured_and_nothing_that_nobody_did() -> None:
    found = sn.backbones()
    rows = {row["name"]: row for row in found.to_json()}
    assert [name for name in rows if rows[name]["at_hand"]][:1] == ["midnight-12k"]
    assert {"figure": "robustness index", "value": 0.806, "source": "PathoROB"} in rows["virchow2"]["published"]
    assert all(row["cost"] is None for row in rows.values())
    assert rows["midnight-12k"]["model"]["pooling"] == ["token", "mean"]
    text = found.summary()
    line = next(line for line in text.splitlines() if line.startswith("hibou-l"))
    assert line.split() == [
        "hibou-l",
        "Apache-2.0",
        "ask",
        "first",
        "303.7",
        "1.21",
        "224",
        "0.5",
        "1024",
        "no",
        "0.955",
        "–",
        "–",
    ]
    assert "uni2-h: refused, no commercial use" in text
    assert "PCam: PCam balanced accuracy, published by eva" in text
    assert "<td>midnight-12k</td>" in found._repr_html_()


def test_a_cost_is_measured_only_where_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    small = Backbone(
        title="Small",
        licence="MIT",
        parameters=0.1,
        embedding=128,
        input_size=24,
        model=ModelConfig(architecture="cnn3"),
    )
    monkeypatch.setattr(backbone_list, "table", lambda: {"small": small})
    monkeypatch.setattr(hub, "at_hand", lambda _facts: False)
    monkeypatch.setattr("sentinode.models.backbone_cost._SECONDS", 0.01)
    (choice,) = found = sn.backbones(["small"], measure=True)
    assert choice.cost is not None
    assert choice.cost.milliseconds > 0
    assert (choice.cost.tile_size, choice.cost.engine) == (24, "openvino")
    assert f"measured now, engine openvino, {choice.cost.threads} thread" in found.summary()
    for wrong, message in (((), "name those to measure"), (["smal"], "no backbone 'smal' in the table; it has small")):
        with pytest.raises(SentinodeError, match=message):
            sn.backbones(wrong, measure=True)
