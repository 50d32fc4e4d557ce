"""A thorough look: everything measured at once, a verdict, a page with pictures."""

import json
from functools import partial

import pytest
import torch
from torch import nn

import ostinato.nn
from ostinato import OstinatoError
from ostinato.cells import GRU, LSTM, Elman
from ostinato.diagnostics import TrainingContext, examine
from ostinato.diagnostics.page import page, write_page
from ostinato.nn import Recurrent


class Reader(nn.Module):
    def __init__(self, cell, **options):
        super().__init__()
        self.layers = Recurrent(cell, 2, 6, **options)
        self.head = nn.Linear(self.layers.output_size, 1)

    def forward(self, x, lengths=None):
        return self.head(self.layers(x, lengths=lengths)[0])


def looked_at(cell, scale=1.0, around=None, **options):
    torch.manual_seed(0)
    model, x = Reader(cell, **options), torch.randn(6, 40, 2)
    with torch.no_grad():
        for own in model.layers.cells:
            own.weight_hh.mul_(scale)
    return examine(model, lambda: model(x, torch.tensor([40, 33, 40, 12, 40, 40])).square().mean(), around)


LINEAR = partial(Elman, activation="identity", init="orthogonal")


@pytest.mark.parametrize(
    ("scale", "verdict"), [(1.0, "healthy"), (1.2, "exploding"), (0.4, "vanishing"), (0.0, "not learning")]
)
def test_the_verdict_is_that_of_the_gradient(scale, verdict):
    found = looked_at(LINEAR, scale)
    assert found.verdict == verdict
    assert str(found).startswith(f"{verdict}: {found.reason}")
    assert ("What helps, the strongest first:\n  1. " in str(found)) == (verdict != "healthy")


def test_everything_is_measured_for_every_layer_and_direction():
    found = looked_at(LSTM, num_layers=2, bidirectional=True)
    layers = ["layers layer 1", "layers layer 1 reverse", "layers layer 2", "layers layer 2 reverse"]
    assert [str(flow) for flow in found.flows] == [f"{layer}, {state}" for layer in layers for state in "hc"]
    assert [str(flow) for flow in found.quick_check.flows] == [f"{layer}, h and c" for layer in layers]
    assert [(str(gate.layer), gate.name) for gate in found.gates][:3] == [
        (layers[0], n) for n in ("forget", "input", "output")
    ]
    assert len(found.units) == 8
    for each in (found.weights, found.steps, found.exponents):
        assert [str(layer) for layer in each] == layers
    (span,) = found.memory_spans
    assert span.stack == "layers"
    json.dumps(found.to_dict())


def test_one_rate_is_told_by_gradients_exponents_and_weights():
    found = looked_at(LINEAR, 0.8)
    (flow,), (exponents,), (weights,) = found.flows, found.exponents.values(), found.weights.values()
    assert flow.rate == pytest.approx(float(exponents[0]), rel=0.02)
    assert flow.rate == pytest.approx(float(torch.tensor(weights[0].radius).log()), rel=0.02)


def test_scores_that_beat_no_baseline_count_as_not_learning():
    found = looked_at(GRU, around=TrainingContext(beaten="ostinato loses to naive", needed=3))
    assert found.verdict == "not learning"


def test_torchs_layers_on_this_engine_are_examined_too():
    layers, x = ostinato.nn.GRU(2, 5, batch_first=True), torch.randn(3, 12, 2)
    found = examine(layers, lambda: layers(x)[0].square().mean(), TrainingContext(needed=3))
    assert found.verdict == "healthy"
    assert [gate.name for gate in found.gates] == ["reset", "update"]


def test_the_page_stands_alone_and_says_what_was_found(tmp_path):
    found = looked_at(LINEAR, 1.2)
    write_page(found, tmp_path / "report.html", "A <model>")
    text = (tmp_path / "report.html").read_text()
    assert "<h1>A &lt;model&gt;</h1>" in text
    assert "<strong>exploding</strong>" in text
    assert all(remedy.split("=")[0] in text for remedy in found.findings[0].remedies)
    assert text.count("<svg") == 4
    assert "http" not in text.replace("http://www.w3.org/", "").replace("http://purl.org/", "").replace(
        "http://creativecommons.org/", ""
    ).replace("https://matplotlib.org/", "")
    assert page(found, "A <model>") == text
    assert found._repr_html_() in text  # what a notebook shows


def test_a_page_that_cannot_be_written_is_one_clear_error(tmp_path):
    with pytest.raises(OstinatoError, match="cannot be written: No such file or directory"):
        write_page(looked_at(LINEAR), tmp_path / "nowhere" / "report.html")
