"""What an earlier version saved is read by this one, and predicts what it did then."""

import io
import json

import pandas as pd
import pytest
from models_scenario import KEPT, MODELS, PREDICTED, as_json

import ostinato
from ostinato.manifest import FORMAT_VERSION, MANIFEST

FOLDERS = sorted(path.parent for path in KEPT.glob(f"*/*/{MANIFEST}"))


def named(folder):
    return folder.name.replace("-", " ")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: f"{folder.parent.name}-{folder.name}")
def test_a_bundle_that_was_kept_predicts_as_on_the_day(folder):
    then = (folder / PREDICTED).read_text()
    now = as_json(MODELS[named(folder)].predict(ostinato.load(folder)))
    tables = [pd.read_json(io.StringIO(text), orient="split") for text in (then, now)]
    pd.testing.assert_frame_equal(*tables, rtol=1e-3, atol=1e-6)


def test_every_model_of_this_format_is_kept():
    versions = {named(folder): json.loads((folder / MANIFEST).read_text())["format_version"] for folder in FOLDERS}
    assert {name for name, version in versions.items() if version == FORMAT_VERSION} == set(MODELS)
