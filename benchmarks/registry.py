"""Every benchmark by name. The module of one is imported when it runs."""

from collections.abc import Iterable, Mapping
from typing import Any

from benchmark import Benchmark, Figures
from recipes import ASSIST, CHAT, CLASSIFY, FORECAST, LANGUAGE, TAG, TRANSLATE

from ostinato import OstinatoError

ENGINE_CELLS = ("gru", "elman", "lstm", "janet", "coupled_lstm", "peephole_lstm", "leaky_gate", "layer_norm_lstm")


def _forecast(dataset: str, file: str, horizon: int, minutes: float, **others: Any) -> Benchmark:
    recipe: Mapping[str, Any] = FORECAST["segment_gru"]
    return Benchmark(
        measure=f"forecast:{dataset}",
        minutes=minutes,
        settings={**recipe, "horizon": horizon, "segment": min(recipe["segment"], horizon)},
        data=(file,),
        parts=("test", "validation"),
        num_threads=1,
        metrics=("mse", "mae", "train_seconds"),
        **others,
    )


def _etth1(horizon: int, minutes: float, **others: Any) -> Benchmark:
    what = f"hourly load and temperature of a transformer (Zhou et al. 2021), {horizon} hours ahead"
    return _forecast("etth1", "ett/ETTh1.csv", horizon, minutes, what=what, **others)


def _exchange_rate(horizon: int) -> Benchmark:
    what = f"daily exchange rates of eight countries (Lai et al. 2018), {horizon} days ahead"
    return _forecast("exchange_rate", "exchange_rate/exchange_rate.txt.gz", horizon, 2, what=what)


def _look_back_96(segrnn: Figures, dlinear: Figures) -> dict[str, Figures]:
    """What the authors of SegRNN report in their repository, with 96 hours to look back upon; here they are 720."""
    return {"SegRNN, published, looks back 96 h": segrnn, "DLinear, published, looks back 96 h": dlinear}


def _ptb(recipe: str, **others: Any) -> Benchmark:
    return Benchmark(
        measure="language:ptb",
        settings=LANGUAGE[recipe],
        options={"dynamic": False},
        data=tuple(f"ptb/{part}.txt" for part in ("train", "valid", "test")),
        parts=("test", "validation"),
        metrics=("perplexity", "train_seconds"),
        **others,
    )


BENCHMARKS: dict[str, Benchmark] = {
    "etth1_24": _etth1(24, 4),
    "etth1_96": _etth1(
        96,
        2,
        seeds=(0, 1, 2),
        published=_look_back_96({"mse": 0.368, "mae": 0.395}, {"mse": 0.386, "mae": 0.400}),
    ),
    "etth1_336": _etth1(336, 2, published=_look_back_96({"mse": 0.444, "mae": 0.440}, {"mse": 0.481, "mae": 0.459})),
    **{f"exchange_rate_{horizon}": _exchange_rate(horizon) for horizon in (24, 96, 336)},
    "tinyshakespeare": Benchmark(
        what="plays of Shakespeare, character by character (Karpathy 2015)",
        measure="language:tinyshakespeare",
        minutes=15,
        settings=LANGUAGE["char_shakespeare"],
        options={"dynamic": False},
        data=("tinyshakespeare/input.txt",),
        parts=("validation",),
        published={"nanoGPT, published, on a GPU": {"nats_per_unit": 1.4697}},
        metrics=("nats_per_unit", "train_seconds"),
    ),
    "ptb": _ptb("ptb", what="Penn Treebank, word by word (Mikolov et al. 2010), 2 x 256 units", minutes=40),
    "ptb_full": _ptb(
        "ptb_full",
        what="Penn Treebank with the published settings of AWD-LSTM (Merity et al. 2018): for a day, or a GPU",
        minutes=1500,
        published={"AWD-LSTM, published": {"perplexity": 57.3}},
        routine=False,
    ),
    "multi30k": Benchmark(
        what="captions of images from German to English (Elliott et al. 2016), two networks",
        measure="translate:multi30k",
        minutes=35,
        settings=TRANSLATE["multi30k"],
        data=tuple(
            f"multi30k/{part}.{language}.gz"
            for part in ("train", "val", "test_2016_flickr")
            for language in ("de", "en")
        ),
        parts=("test", "validation"),
        metrics=("bleu", "train_seconds"),
    ),
    "self_dialogue": Benchmark(
        what="replies in dialogues about films, music and sport (Fainberg et al. 2018)",
        measure="chat:self_dialogue",
        minutes=60,
        settings=CHAT["self_dialogue"],
        data=("dialogue/self_dialogue.jsonl.gz",),
        parts=("test", "validation"),
        metrics=("perplexity", "recall_1_of_10", "distinct_1", "distinct_2", "train_seconds"),
    ),
    "sst2": Benchmark(
        what="sentiment of single sentences, SST-2 without its phrases",
        measure="classify:sst2",
        minutes=3,
        settings=CLASSIFY["sst2"],
        data=tuple(f"sst2/stsa.binary.{part}" for part in ("train", "dev", "test")),
        parts=("test", "validation"),
        seeds=(0, 1, 2),
        num_threads=1,
        metrics=("accuracy",),
    ),
    "fsdd": Benchmark(
        what="spoken digits, the Free Spoken Digit Dataset, cut as its authors say",
        measure="hear:fsdd",
        minutes=4,
        settings=CLASSIFY["fsdd"],
        data=("fsdd/index.tsv", "fsdd/audio.zip"),
        parts=("test", "validation"),
        num_threads=1,
        metrics=("accuracy", "f1", "train_seconds"),
    ),
    "fsdd_speakers": Benchmark(
        what="the same digits, each speaker told by a model that has heard the five others",
        measure="hear:fsdd_speakers",
        minutes=20,
        settings=CLASSIFY["fsdd"],
        data=("fsdd/index.tsv", "fsdd/audio.zip"),
        parts=("test", "validation"),
        num_threads=1,
        metrics=("accuracy", "train_seconds"),
    ),
    "arabic_commands": Benchmark(
        what="40 Arabic commands (Ghandoura et al. 2021; 40 % of its clips), and in a stream beside other speech",
        measure="hear:arabic_commands",
        minutes=40,
        settings=CLASSIFY["arabic_commands"],
        data=tuple(
            f"{name}/{file}" for name in ("arabic_commands", "an4", "mboshi") for file in ("index.tsv", "audio.zip")
        ),
        parts=("test", "validation"),
        num_threads=1,
        metrics=("accuracy", "accuracy_in_stream", "false_alarms_per_hour", "train_seconds"),
    ),
    "coffee": Benchmark(
        what="spoken orders of coffee, five folds: slots from sound, with and without a synthesiser before",
        measure="order:coffee",
        minutes=300,
        settings=ASSIST["coffee"],
        options={"folds": [0, 1, 2, 3, 4], "spoken_epochs": 12},
        data=("coffee_intents/index.tsv", "coffee_intents/audio.zip", "coffee_intents/grammar.yaml.gz"),
        parts=("test", "validation"),
        num_threads=1,
        metrics=("slot_f1", "request", "train_seconds"),
        routine=False,
    ),
    "topics": Benchmark(
        what="22 topics of dialogues, by their first turn",
        measure="many_labels:topics",
        minutes=3,
        settings={},
        data=("dialogue/self_dialogue.jsonl.gz",),
        parts=("test", "validation"),
        num_threads=1,
        metrics=("accuracy", "f1", "ece"),
    ),
    "speakers": Benchmark(
        what="50 speakers of plays, by one speech",
        measure="many_labels:speakers",
        minutes=4,
        settings={},
        data=("tinyshakespeare/input.txt",),
        parts=("test", "validation"),
        num_threads=1,
        metrics=("accuracy", "f1", "ece"),
    ),
    "keys": Benchmark(
        what="keys of fiddle tunes, by their notes in ABC",
        measure="many_labels:keys",
        minutes=4,
        settings={},
        data=tuple(f"folk_abc/{book}.abc.gz" for book in ("airdsAirs", "oneills1850", "ryansMammoth")),
        parts=("test", "validation"),
        num_threads=1,
        metrics=("accuracy", "f1", "ece"),
    ),
    "python_names": Benchmark(
        what="what each name in Python source is: parameter, local, method, class, ...",
        measure="tag:python_names",
        minutes=8,
        settings=TAG["python_names"],
        options={"files": [24, 6, 12]},
        parts=("test", "validation"),
        seeds=(0, 1),
        metrics=("accuracy", "accuracy_of_names"),
    ),
    **{
        f"engine_{cell}": Benchmark(
            what=f"the compiled engine beside torch's layers and its own multiplications: {cell}",
            measure="engine:speed",
            minutes=2,
            options={"cell": cell, "sizes": [], "repeats": 9},
            seeds=(),
            metrics=("forward_x_torch", "training_x_torch", "forward_over_floor", "training_over_floor"),
        )
        for cell in ENGINE_CELLS
    },
    "doctor": Benchmark(
        what="what the doctor's look costs in training",
        measure="doctor:cost",
        minutes=2,
        options={"every": 50, "repeats": 9},
        seeds=(),
        metrics=("step_ms", "look_in_steps", "adds"),
    ),
    "panel": Benchmark(
        what="one global model over many series: rows and windows a second, and peak memory",
        measure="panel:throughput",
        minutes=1,
        options={"series": 1000, "points": 500, "batches": 100},
        metrics=("per_second", "peak_mb"),
    ),
    "published_cells": Benchmark(
        what="which public recurrent cells compile and are right",
        measure="published_cells:verdicts",
        seeds=(),
        minutes=15,
        metrics=("compiles_and_is_right",),
        routine=False,
    ),
}
"""Name -> benchmark."""


def named(names: Iterable[str]) -> dict[str, Benchmark]:
    """Benchmarks by their names.

    Raises:
        OstinatoError: There is none of a name.
    """
    names = list(names)
    if unknown := [name for name in names if name not in BENCHMARKS]:
        raise OstinatoError(f"no benchmark {unknown[0]!r}: there are {', '.join(BENCHMARKS)}")
    return {name: BENCHMARKS[name] for name in names}
