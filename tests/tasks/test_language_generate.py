"""A LanguageModel writes: the same for the same seed, within top_k and top_p, until a stop."""

import pytest
import torch
from language_scenario import TOKENIZERS, model, untrained, verses

from ostinato import LanguageModel, OstinatoError
from ostinato.tasks.language.generate import context, random_of


def write(trained, prompt="the sea ", **options):
    return "".join(trained.generate(prompt, **{"length": 30, "seed": 5} | options))


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_the_same_seed_writes_the_same_text_and_another_another(tokenizer):
    trained = model(tokenizer)
    assert write(trained) == write(trained)
    assert write(trained) != write(trained, seed=6)
    assert len({write(trained, seed=None, temperature=1.5) for _ in range(5)}) > 1


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_the_length_is_counted_in_units(tokenizer):
    trained = model(tokenizer)
    text = write(trained, temperature=0.1)
    assert len(trained.model.tokenizer.encode("the sea " + text)) == pytest.approx(
        30 + len(trained.model.tokenizer.encode("the sea ")), abs=3
    )
    assert write(trained, length=0) == ""


def test_what_a_trained_model_writes_is_like_what_it_read():
    words = set(verses(500).split())
    written = write(model(), length=400, temperature=0.3).split()[:-1]
    assert sum(word in words for word in written) > 0.8 * len(written)


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@pytest.mark.parametrize("options", [{"top_k": 1}, {"top_p": 1e-6}, {"temperature": 1e-4}])
def test_the_narrowest_choice_is_the_likeliest_unit(tokenizer, options):
    fitted = model(tokenizer).model
    ids, state, expected = torch.tensor([context(fitted, "the sea ")]), None, []
    for _ in range(20):
        scores, state = fitted.network.following(ids, state)
        if fitted.tokenizer.unknown is not None:
            scores[:, fitted.tokenizer.unknown] = -torch.inf
        ids = scores.argmax(-1, keepdim=True)
        expected.append(int(ids))
    text = write(model(tokenizer), prompt="the sea ", length=20, **options)
    assert text == fitted.tokenizer.decode(expected)


def test_only_the_likeliest_units_are_drawn():
    trained = model()
    fitted = trained.model
    scores, _ = fitted.network.following(torch.tensor([context(fitted, "the sea ")]))
    three = {fitted.tokenizer.tokens[i] for i in scores[0].topk(3).indices.tolist()}
    drawn = {write(trained, length=1, top_k=3, temperature=5.0, seed=seed) for seed in range(40)}
    assert drawn == three
    ordered, places = scores[0].exp().sort(descending=True)
    count = int((ordered.cumsum(0) - ordered < 0.6).sum())
    nucleus = {fitted.tokenizer.tokens[i] for i in places[:count].tolist()}
    assert {write(trained, length=1, top_p=0.6, seed=seed) for seed in range(40)} <= nucleus


def test_it_never_writes_what_has_no_name():
    trained = untrained(tokenizer="word", min_count=3)
    assert trained.model.trained.unknown == 0 or "<unk>" not in write(trained, length=200)
    assert "\ufffd" not in write(untrained(vocabulary_size=10), length=200)


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_writing_stops_before_a_stop(tokenizer):
    whole = write(model(tokenizer), length=100)
    stopped = write(model(tokenizer), length=100, stop=".\n")
    assert stopped == whole[: whole.index(".\n")]
    assert write(model(tokenizer), length=100, stop=["ZZZ", ".\n"]) == stopped


def test_pieces_come_as_they_are_written():
    pieces = list(model().generate("the sea ", length=12, seed=0))
    assert [len(piece) for piece in pieces] == [1] * 12


# Many at once.


def test_many_texts_are_written_side_by_side():
    trained = model()
    prompts = ["the sea ", "an old man waits for ", ""] * 30
    texts = trained.generate_many(prompts, length=10, top_k=1)
    assert len(texts) == 90
    assert texts[:3] == [write(trained, prompt, length=10, top_k=1) for prompt in prompts[:3]]
    assert texts == texts[:3] * 30


def test_one_of_many_is_the_text_of_one():
    trained = model("word")
    assert trained.generate_many(["the sea "], length=30, seed=5) == [write(trained)]
    assert trained.generate_many([]) == []


def test_each_of_many_stops_for_itself():
    trained = model()
    whole = trained.generate_many(["the sea ", "the wind "], length=80, seed=1)
    stopped = trained.generate_many(["the sea ", "the wind "], length=80, seed=1, stop=".")
    assert stopped == [text[: text.index(".")] for text in whole]


# Backward.


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_a_model_that_reads_backward_writes_what_comes_before(tokenizer):
    trained = model(tokenizer, reverse=True)
    ending = " the harbour.\n"
    text = write(trained, ending, length=40, temperature=0.3)
    assert text == write(trained, ending, length=40, temperature=0.3)
    words = set(verses(500).split())
    written = (text + ending).split()[1:]
    assert sum(word in words for word in written) > 0.7 * len(written)
    stopped = write(trained, ending, length=100, temperature=0.3, stop="\n")
    assert "\n" not in stopped
    assert trained.generate_many([ending], length=40, temperature=0.3, seed=5) == [text]


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
def test_a_loaded_model_writes_suggests_and_scores_as_the_saved_one(tokenizer, tmp_path):
    saved = model(tokenizer)
    scores = saved.evaluate([verses(3, seed=2)]).to_dict()
    saved.save(tmp_path / tokenizer)
    loaded = LanguageModel.load(tmp_path / tokenizer)
    assert write(loaded) == write(saved)
    assert loaded.suggest("the s") == saved.suggest("the s")
    assert loaded.metrics.to_dict() == scores == loaded.evaluate([verses(3, seed=2)]).to_dict()
    assert loaded.summary() == saved.summary()
    assert loaded.settings == saved.settings


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": 0.0}, "temperature must be above 0"),
        ({"top_k": 0}, "top_k must be at least 1"),
        ({"top_p": 1.5}, "top_p must be above 0 and at most 1"),
        ({"length": -1}, "length must be at least 0"),
        ({"stop": ""}, "stop must be a text"),
    ],
)
def test_what_is_out_of_range_is_refused_at_once(options, message):
    with pytest.raises(OstinatoError, match=message):
        model().generate("the sea", **options)
    with pytest.raises(OstinatoError, match=message):
        model().generate_many(["the sea"], **options)


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_seed_out_of_range_is_refused(seed):
    with pytest.raises(OstinatoError, match="seed must be at least 0 and below"):
        random_of(seed)
