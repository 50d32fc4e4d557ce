import json
import os
import shutil
import signal
import time
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from ostinato.bundle import load_bundle, save_bundle
from ostinato.errors import OstinatoError

KINDS = {"Forecaster", "SequenceClassifier"}
SETTINGS = {"hidden": 4, "cell": "gru", "rates": [0.1, 0.25]}
EXTRAS = {"vocabulary": ["a", "ß", "🎵"], "scaler": {"mean": 0.123456789, "scale": 1e-300}}
METRICS = {"mae": 0.5, "baseline": float("inf")}


def module():
    torch.manual_seed(0)
    return nn.GRU(2, 4)


def saved(folder, **changes):
    content = {"kind": "Forecaster", "settings": SETTINGS, "tensors": module().state_dict(), "metrics": METRICS}
    save_bundle(folder, **{**content, "model": EXTRAS, **changes})
    return folder


def weights(folder):
    (path,) = folder.glob("weights-*.safetensors")
    return path


def edit(folder, **changes):
    path = folder / "bundle.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.fixture
def bundle(tmp_path):
    return saved(tmp_path / "model")


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("pristine") / "model")


def assert_same(loaded, other):
    assert (loaded.kind, loaded.settings, loaded.model) == (other.kind, other.settings, other.model)
    assert (loaded.metrics, loaded.versions, loaded.created) == (other.metrics, other.versions, other.created)
    assert loaded.tensors.keys() == other.tensors.keys()
    assert all(torch.equal(loaded.tensors[name], other.tensors[name]) for name in other.tensors)


# What is saved comes back.


def test_a_bundle_gives_back_what_was_saved(bundle):
    loaded = load_bundle(bundle, KINDS)
    assert (loaded.kind, loaded.settings, loaded.metrics, loaded.model) == ("Forecaster", SETTINGS, METRICS, EXTRAS)
    assert loaded.versions.keys() == {"ostinato", "torch", "python"}
    other = nn.GRU(2, 4)
    loaded.load_into(other)
    assert all(torch.equal(a, b) for a, b in zip(other.parameters(), module().parameters(), strict=True))


def test_it_is_one_json_file_and_one_weights_file(bundle):
    assert sorted(path.name for path in bundle.iterdir()) == ["bundle.json", weights(bundle).name]
    listed = json.loads((bundle / "bundle.json").read_text())["weights"]["tensors"]
    assert listed["weight_ih_l0"] == {"shape": [12, 2], "dtype": "float32"}


def test_tied_and_strided_and_scalar_tensors_are_saved(tmp_path):
    tied = torch.arange(6.0).reshape(2, 3)
    tensors = {"a": tied, "b": tied, "strided": tied.T, "scalar": torch.tensor(3), "empty": torch.empty(0, 2)}
    loaded = load_bundle(saved(tmp_path / "m", tensors=tensors), KINDS).tensors
    assert all(torch.equal(loaded[name], tensors[name]) for name in tensors)


def test_keys_that_are_numbers_become_text_and_do_not_spoil_thedigest_of(tmp_path):
    loaded = load_bundle(saved(tmp_path / "m", model={"names": {9: "x", 10: "y"}}), KINDS)
    assert loaded.model == {"names": {"9": "x", "10": "y"}}


# Saving where something is already.


def test_saving_again_replaces_the_model_and_leaves_other_files(bundle):
    (bundle / "plot.png").write_text("picture")
    (bundle / "checkpoints").mkdir()
    (bundle / "checkpoints" / "checkpoint-3.safetensors").write_text("checkpoint")
    saved(bundle, settings={"hidden": 5}, tensors={"w": torch.ones(3)})
    loaded = load_bundle(bundle, KINDS)
    assert loaded.settings == {"hidden": 5}
    assert loaded.tensors.keys() == {"w"}
    names = {path.name for path in bundle.iterdir()}
    assert names == {"bundle.json", weights(bundle).name, "plot.png", "checkpoints"}
    assert (bundle / "checkpoints" / "checkpoint-3.safetensors").read_text() == "checkpoint"


def test_a_folder_with_what_training_left_is_saved_into(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "metrics.jsonl").touch()
    assert load_bundle(saved(tmp_path), KINDS).settings == SETTINGS


@pytest.mark.parametrize("name", ["letter.txt", "bundle.json", "weights.safetensors"])
def test_a_folder_of_other_things_is_refused_and_left_alone(tmp_path, name):
    (tmp_path / name).write_text("{}")
    with pytest.raises(OstinatoError, match=name):
        saved(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "model").touch()
    with pytest.raises(OstinatoError, match="is a file"):
        saved(tmp_path / "model")


def test_a_writer_killed_at_any_moment_leaves_a_whole_bundle(bundle):
    seen = set()
    for attempt in range(25):
        begun, begin = os.pipe()
        writer = os.fork()
        if not writer:
            try:
                for number in range(10**6):
                    saved(bundle, settings={"number": number % 7}, tensors={"w": torch.full((50,), number % 7.0)})
                    os.write(begin, b".")
            finally:
                os._exit(1)
        for _ in range(1 + attempt % 4):  # however busy the machine is, some are killed later than others
            os.read(begun, 1)
        time.sleep(attempt * 0.0007)
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)
        os.close(begun)
        os.close(begin)
        loaded = load_bundle(bundle, KINDS)
        assert torch.equal(loaded.tensors["w"], torch.full((50,), float(loaded.settings["number"])))
        seen.add(loaded.settings["number"])
    assert len(seen) > 1
    saved(bundle)
    assert len(list(bundle.iterdir())) == 2


# What is not a bundle, or not a whole one, is refused with its reason.


def test_reasons_for_refusing_a_folder(tmp_path, bundle):
    with pytest.raises(OstinatoError, match="does not exist"):
        load_bundle(tmp_path / "nowhere", KINDS)
    (tmp_path / "file").touch()
    with pytest.raises(OstinatoError, match="is not a folder"):
        load_bundle(tmp_path / "file", KINDS)
    with pytest.raises(OstinatoError, match=r"has no bundle\.json"):
        load_bundle(tmp_path, KINDS)
    with pytest.raises(OstinatoError, match="kind 'Forecaster', not one of Tagger"):
        load_bundle(bundle, {"Tagger"})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is not JSON"),
        (b"\xff\xfe\x00", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"9" * 5000, "is not JSON"),
        (b"[]", "not of a saved model"),
        (b'{"name": "package"}', "not of a saved model"),
    ],
)
def test_a_bundle_json_that_is_something_else_is_refused(bundle, content, reason):
    (bundle / "bundle.json").write_bytes(content)
    with pytest.raises(OstinatoError, match=reason):
        load_bundle(bundle, KINDS)


def test_a_newer_format_asks_for_an_update(bundle):
    edit(bundle, format_version=2)
    with pytest.raises(OstinatoError, match=r"newer than 1 .* update ostinato"):
        load_bundle(bundle, KINDS)


def test_a_changed_digit_of_the_scaler_is_found(bundle):
    edit(bundle, model={**EXTRAS, "scaler": {"mean": 0.123456788, "scale": 1e-300}})
    with pytest.raises(OstinatoError, match="was changed since it was saved"):
        load_bundle(bundle, KINDS)


def test_weights_that_are_missing_renamed_cut_or_foreign_are_refused(bundle, tmp_path):
    path = weights(bundle)
    content = path.read_bytes()
    path.rename(bundle / "weights.safetensors")
    with pytest.raises(OstinatoError, match="is missing"):
        load_bundle(bundle, KINDS)
    path.write_bytes(content[:-1])
    with pytest.raises(OstinatoError, match=f"has {len(content) - 1} bytes instead of {len(content)}"):
        load_bundle(bundle, KINDS)
    shutil.copy(weights(saved(tmp_path / "other", tensors=nn.GRU(2, 4).state_dict())), path)
    with pytest.raises(OstinatoError, match="was changed since it was saved"):
        load_bundle(bundle, KINDS)


def test_no_path_outside_the_folder_is_read(bundle):
    from ostinato.manifest import digest_of

    manifest = json.loads((bundle / "bundle.json").read_text())
    manifest["weights"]["file"] = "../../secret.safetensors"
    edit(bundle, weights=manifest["weights"], sha256=digest_of(manifest))
    with pytest.raises(OstinatoError, match="does not describe a model"):
        load_bundle(bundle, KINDS)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), which=st.sampled_from(["bundle.json", "weights"]), cut=st.booleans())
def test_a_damaged_file_is_refused_or_reads_the_same(pristine, tmp_path, data, which, cut):
    folder = tmp_path / "damaged"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(pristine, folder)
    path: Path = folder / "bundle.json" if which == "bundle.json" else weights(folder)
    content = bytearray(path.read_bytes())
    if cut:
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    else:
        for place in data.draw(st.lists(st.integers(0, 8 * len(content) - 1), min_size=1, max_size=3)):
            content[place // 8] ^= 1 << place % 8
    path.write_bytes(content)
    try:
        loaded = load_bundle(folder, KINDS)
    except OstinatoError:
        return
    assert_same(loaded, load_bundle(pristine, KINDS))


# Weights fit a module exactly or say why not.


def test_load_into_names_every_tensor_that_does_not_fit(tmp_path):
    tensors = {"weight": torch.zeros(2, 3), "bias": torch.zeros(3, dtype=torch.float64), "gain": torch.ones(3)}
    loaded = load_bundle(saved(tmp_path / "m", tensors=tensors), KINDS)
    target = nn.Linear(2, 3)
    target.register_buffer("steps", torch.tensor(0))
    before = target.weight.clone()
    with pytest.raises(OstinatoError) as caught:
        loaded.load_into(target)
    for phrase in (
        "steps is missing",
        "gain is unexpected",
        "weight is float32[2, 3], not float32[3, 2]",
        "bias is float64[3], not float32[3]",
    ):
        assert phrase in str(caught.value)
    assert torch.equal(target.weight, before)
