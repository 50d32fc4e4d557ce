"""A saved model whose description was damaged, its digest made anew, is refused in one line: nothing else happens."""

import copy
import json
import threading
from contextlib import suppress

import pytest
import torch
from classify_scenario import TINY, reviews
from models_scenario import MODELS

import ostinato
from ostinato import OstinatoError, SequenceClassifier
from ostinato.manifest import MANIFEST, digest_of

VALUES = (None, "", "x", -1, 0, 2, 1.5, 40_000, 2**40, float("nan"), [], {}, [1], {"a": 1}, True)


@pytest.fixture(scope="module", params=MODELS)
def saved(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    MODELS[request.param].fit().save(folder)
    return folder, json.loads((folder / MANIFEST).read_text())


def leaves(content, way=()):
    """The ways to all values, of lists and of mappings longer than any of settings to the first three."""
    yield way
    if isinstance(content, dict):
        for key in list(content)[: 3 if len(content) > 100 else None]:
            yield from leaves(content[key], (*way, key))
    elif isinstance(content, list):
        for place in range(min(len(content), 3)):
            yield from leaves(content[place], (*way, place))


def test_a_damaged_description_loads_or_is_refused(saved):
    folder, whole = saved
    tried = 0
    for part in ("model", "settings", "notes", "metrics"):
        for way in leaves(whole[part]):
            for value in (*VALUES, ...):
                manifest = copy.deepcopy(whole)
                inner, (*before, last) = manifest, (part, *way)
                for key in before:
                    inner = inner[key]
                if value is ...:
                    del inner[last]
                else:
                    inner[last] = value
                manifest["sha256"] = digest_of(manifest)
                (folder / MANIFEST).write_text(json.dumps(manifest))
                with suppress(OstinatoError):  # any other error fails
                    ostinato.load(folder)
                tried += 1
    assert tried > 300 + len(VALUES) * len(whole["settings"])


def test_sizes_are_compared_before_anything_is_allocated(saved):
    folder, whole = saved
    for name in ("hidden_size", "num_layers"):
        manifest = copy.deepcopy(whole)
        manifest["settings"][name] = 4_000_000
        manifest["sha256"] = digest_of(manifest)
        (folder / MANIFEST).write_text(json.dumps(manifest))
        with pytest.raises(OstinatoError, match="do not fit its settings"):
            ostinato.load(folder)


def test_weights_that_are_not_finite_do_not_load(tmp_path):
    model = SequenceClassifier(**TINY | {"epochs": 1}).fit(reviews())
    with torch.no_grad():
        next(model.model.network.parameters())[0, 0] = float("nan")
    model.save(tmp_path)
    with pytest.raises(OstinatoError, match=r"the weights network\..* hold numbers that are not finite"):
        ostinato.load(tmp_path)


def test_a_load_during_saves_reads_one_of_them(tmp_path):
    models = [SequenceClassifier(**TINY | {"epochs": 1}, seed=seed).fit(reviews()) for seed in (0, 1)]
    models[0].save(tmp_path)
    done = threading.Event()

    def save_again_and_again():
        while not done.is_set():
            for model in models:
                model.save(tmp_path)

    saving = threading.Thread(target=save_again_and_again)
    saving.start()
    try:
        seeds = {SequenceClassifier.load(tmp_path).settings.seed for _ in range(40)}
    finally:
        done.set()
        saving.join()
    assert seeds <= {0, 1}
