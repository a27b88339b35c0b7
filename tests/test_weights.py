"""Model folders and their manifests."""

import os

import pytest

from skymake import UserError, weights


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "config.json").write_text("{}")
    (folder / "training_args.bin").write_bytes(b"not a part")
    return folder


def test_the_manifest_lists_the_parts_of_a_model_and_nothing_else(model):
    assert list(weights.describe(model).files) == ["config.json", "model.safetensors"]


def test_the_digest_is_of_the_bytes_alone(model):
    before = weights.describe(model)
    os.utime(model / "model.safetensors", (1, 1))
    (model / "training_args.bin").write_bytes(b"something else")
    assert weights.describe(model) == before
    assert weights.describe(model.rename(model.with_name("moved"))) == before


@pytest.mark.parametrize("part", ["model.safetensors", "config.json", "chat_template.jinja"])
def test_the_digest_changes_with_every_part(model, part):
    before = weights.describe(model).digest
    (model / part).write_bytes(b"changed")
    assert weights.describe(model).digest != before


def test_the_digest_changes_with_a_name(model):
    before = weights.describe(model).digest
    (model / "model.safetensors").rename(model / "model-00001-of-00001.safetensors")
    assert weights.describe(model).digest != before


def test_a_folder_without_weights_is_no_model(model):
    (model / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"holds no \*.safetensors"):
        weights.describe(model)


def test_a_link_is_the_same_model_in_another_place(model, tmp_path):
    manifest = tmp_path / "results" / "student" / "manifest.json"
    weights.link(model, manifest)
    folder, loaded = weights.load(str(manifest))
    assert folder == manifest.parent
    assert loaded == weights.describe(model) == weights.describe(folder)
    assert (folder / "model.safetensors").is_symlink()
    assert not os.path.isabs(os.readlink(folder / "model.safetensors"))  # results may move together with their store


def test_a_link_holds_where_the_results_are_a_link_themselves(model, tmp_path):
    (tmp_path / "scratch" / "of" / "mine").mkdir(parents=True)
    (tmp_path / "results").symlink_to(tmp_path / "scratch" / "of" / "mine")
    weights.link(model, tmp_path / "results" / "student" / "manifest.json")
    assert (tmp_path / "results" / "student" / "model.safetensors").read_bytes() == b"weights"


def test_a_link_takes_the_place_of_an_earlier_one(model, tmp_path):
    manifest = tmp_path / "student" / "manifest.json"
    weights.link(model, manifest)
    (model / "model.safetensors").write_bytes(b"other weights")
    weights.link(model, manifest)
    assert weights.load(str(manifest))[1] == weights.describe(model)


def test_a_link_leaves_nothing_of_another_model(model, tmp_path):
    """An index of shards that are there no more, or a template, would be read in place of what the model has."""
    manifest, earlier = tmp_path / "student" / "manifest.json", tmp_path / "earlier"
    earlier.mkdir()
    for name in ("model-00001-of-00001.safetensors", "model.safetensors.index.json", "config.json", "vocab.json"):
        (earlier / name).write_text("{}")
    weights.link(earlier, manifest)
    (manifest.parent / "README.md").write_text("a card")
    weights.link(model, manifest)
    assert {path.name for path in manifest.parent.iterdir()} == {
        *weights.describe(model).files,
        "manifest.json",
        "README.md",
    }
