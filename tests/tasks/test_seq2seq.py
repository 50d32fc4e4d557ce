"""What tasks from text to text share: units, batches, network, loss, search."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from ostinato.parts import put_together, taken_apart
from ostinato.tasks.seq2seq.batches import pair_batch, pair_batches, source_batch
from ostinato.tasks.seq2seq.decode import search
from ostinato.tasks.seq2seq.ensemble import Ensemble
from ostinato.tasks.seq2seq.network import Seq2SeqNetwork
from ostinato.tasks.seq2seq.settings import Seq2SeqSettings
from ostinato.tasks.seq2seq.texts import END, PAD, SPECIALS, START, UNK, TextTokenizer

law = settings(deadline=None, derandomize=True, max_examples=15)
VARIANTS = {
    "plain": {},
    "input feeding": {"input_feeding": True},
    "no attention": {"attention": None, "bidirectional": False},
    "deep, additive, untied": {"attention": "additive", "num_layers": 2, "tied_output": False, "cell": "lstm"},
    "shared, locked": {"shared_vocabulary": True, "locked_dropout": True, "dropout": 0.3},
}
every_variant = pytest.mark.parametrize("variant", VARIANTS)
alone_and_together = pytest.mark.parametrize(
    ("variant", "count"), [*((name, 1) for name in VARIANTS), ("input feeding", 2), ("no attention", 3)]
)


def network(variant="plain", seed=0, **more):
    torch.manual_seed(seed)
    chosen = {"hidden_size": 6, "embedding_size": 5, "dropout": 0.0} | VARIANTS[variant] | more
    net = Seq2SeqNetwork(Seq2SeqSettings(**chosen), 12, 12 if chosen.get("shared_vocabulary") else 9).double()
    with torch.no_grad():
        net.output.bias.normal_()
    return net


def ensemble(variant="plain", count=2, **more):
    seeds = iter(range(count))
    return Ensemble(lambda: network(variant, next(seeds), **more), count)


def some_pairs(lengths, seed=0):
    random = np.random.default_rng(seed)
    return [
        (random.integers(4, 12, source).astype(np.int32), random.integers(4, 9, target).astype(np.int32))
        for source, target in lengths
    ]


lengths = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 5)), min_size=1, max_size=5)


@law
@given(lengths=lengths)
def test_a_batch_holds_its_pairs_with_start_and_end(lengths):
    pairs = some_pairs(lengths)
    batch = pair_batch(pairs)
    for row, (source, target) in enumerate(pairs):
        assert batch.source[row, : len(source) + 1].tolist() == [*source, END]
        assert batch.target_in[row][batch.valid[row]].tolist() == [START, *target]
        assert batch.target_out[row][batch.valid[row]].tolist() == [*target, END]
        assert set(batch.source[row, len(source) + 1 :].tolist()) <= {PAD}


def test_an_epoch_has_every_pair_once_like_lengths_together():
    pairs = some_pairs([(n % 7, n % 5) for n in range(50)])
    batches = list(pair_batches(pairs, Seq2SeqSettings(batch_size=8, seed=3)).epoch(0))
    assert sum(len(batch.source) for batch in batches) == 50
    assert max(int(batch.target_lengths.max() - batch.target_lengths.min()) for batch in batches) <= 2


@alone_and_together
@law
@given(lengths=lengths)
def test_padding_and_company_change_nothing(variant, count, lengths):
    net, pairs = ensemble(variant, count).eval(), some_pairs(lengths)
    rows = net(pair_batch(pairs)).split([len(target) + 1 for _, target in pairs])
    for pair, logits in zip(pairs, rows, strict=True):
        torch.testing.assert_close(net(pair_batch([pair])), logits)


@alone_and_together
@pytest.mark.parametrize("beam_size", [1, 4])
def test_padding_and_company_change_no_text_that_is_written(variant, count, beam_size):
    net = ensemble(variant, count).eval()
    sources = [source for source, _ in some_pairs([(n % 7, 0) for n in range(70)])]
    how = {"beam_size": beam_size, "n_best": beam_size, "max_length": 7, "length_penalty": 1.0}
    together = search(net, sources, **how)
    for source, best in list(zip(sources, together, strict=True))[::9]:
        (alone,) = search(net, [source], **how)
        assert [one.ids for one in alone] == [one.ids for one in best]
        assert [one.score for one in alone] == pytest.approx([one.score for one in best])


@every_variant
def test_steps_are_teacher_forcing_unit_by_unit(variant):
    net, batch = network(variant).eval(), pair_batch(some_pairs([(3, 4), (5, 2)]))
    memory, carry, steps = net.encode(batch.source, batch.source_lengths), None, []
    for ids in batch.target_in.unbind(1):
        log_probabilities, carry, _ = net.step(ids, memory, carry)
        steps.append(log_probabilities)
    written = torch.stack(steps, 1)[batch.valid]
    may = torch.isfinite(written[0])
    assert may.nonzero().flatten().tolist() == [UNK, END, *range(len(SPECIALS), len(may))]
    torch.testing.assert_close(written[:, may], net(batch)[:, may].log_softmax(-1))


@every_variant
def test_scheduled_sampling_with_probability_0_is_teacher_forcing(variant):
    net, batch = network(variant, dropout=0.0), pair_batch(some_pairs([(3, 4), (5, 2), (1, 0)]))
    memory = net.encode(batch.source, batch.source_lengths)
    states = net.sampled(memory, batch, 0.0)[batch.valid]
    torch.testing.assert_close(net.output(torch.tanh(states)), net(batch))


def test_scheduled_sampling_feeds_what_the_network_would_write():
    net, batch = network(), pair_batch(some_pairs([(3, 4), (5, 2)]))
    with torch.no_grad():
        net.output.bias[7] = 50  # it is sure of this one
    memory = net.encode(batch.source, batch.source_lengths)
    fed = batch._replace(target_in=torch.where(batch.target_in == START, START, 7))
    right = net.topology.decode(memory, net._read(net.target_vectors, fed.target_in))
    torch.testing.assert_close(net.sampled(memory, batch, 1.0)[batch.valid], right[batch.valid])


def test_the_ramp_of_scheduled_sampling_counts_training_batches_alone():
    net, batch = network(scheduled_sampling=0.5, sampling_ramp=4), pair_batch(some_pairs([(3, 4)]))
    seen = []
    for training in (True, True, False, True, True, True, True):
        net.train(training)
        seen.append(net.sampling)
        net(batch)
    assert seen == [0, 0.125, 0.25, 0.25, 0.375, 0.5, 0.5]
    assert int(net.state_dict()["batches"]) == 6


def test_word_dropout_takes_units_for_unknown_ones_in_training():
    net, source = network(word_dropout=0.999), torch.tensor([[4, 5, END]])
    lost = net.encode(source, torch.tensor([3])).keys
    net.eval()
    torch.testing.assert_close(lost, net.encode(torch.tensor([[UNK, UNK, END]]), torch.tensor([3])).keys)


@every_variant
def test_the_networks_loss_is_the_cross_entropy_of_its_scores_at_valid_steps(variant):
    net, batch = network(variant).eval(), pair_batch(some_pairs([(3, 4), (5, 0), (0, 2)]))
    loss = net(batch, 0.1)
    rows = [net(pair_batch([pair])) for pair in some_pairs([(3, 4), (5, 0), (0, 2)])]
    right = batch.target_out[batch.valid]
    expected = F.cross_entropy(torch.cat(rows), right, label_smoothing=0.1, reduction="sum")
    torch.testing.assert_close(loss, expected)
    loss.backward()
    assert all(parameter.grad.isfinite().all() for parameter in net.parameters())


@pytest.mark.parametrize("variant", ["plain", "no attention"])
def test_an_ensembles_probabilities_are_the_mean_of_its_networks(variant):
    net, batch = ensemble(variant, 3).eval(), pair_batch(some_pairs([(3, 4), (5, 0)]))
    mean = torch.stack([member(batch).softmax(-1) for member in net.members]).mean(0)
    torch.testing.assert_close(net(batch), mean.log())
    expected = F.nll_loss(mean.log(), batch.target_out[batch.valid], reduction="sum")
    torch.testing.assert_close(net(batch, 0.0), expected)
    ids, read = batch.target_in[:, 0], (batch.source, batch.source_lengths)
    written = torch.stack([member.step(ids, member.encode(*read))[0].exp() for member in net.members]).mean(0)
    torch.testing.assert_close(net.step(ids, net.encode(*read))[0].exp(), written)
    assert expected.item() < torch.stack([member(batch, 0.0) for member in net.members]).mean().item()


def test_in_training_each_network_of_an_ensemble_learns_as_it_would_alone():
    net, batch = ensemble(count=2), pair_batch(some_pairs([(3, 4), (5, 0)]))
    net(batch, 0.1).backward()
    for seed, member in enumerate(net.members):
        alone = network(seed=seed)
        alone(batch, 0.1).backward()
        for ours, theirs in zip(member.parameters(), alone.parameters(), strict=True):
            torch.testing.assert_close(ours.grad, theirs.grad)


def test_what_an_ensemble_looked_at_is_the_mean_of_its_networks():
    net, batch = ensemble().eval(), pair_batch(some_pairs([(3, 4), (6, 2)]))
    ids, read = batch.target_in[:, 0], (batch.source, batch.source_lengths)
    each = torch.stack([member.step(ids, member.encode(*read))[2] for member in net.members])
    torch.testing.assert_close(net.step(ids, net.encode(*read))[2], each.mean(0))


@pytest.mark.parametrize("beam_size", [1, 3])
def test_the_search_gives_the_attention_of_each_step_whatever_the_company(beam_size):
    net = ensemble("input feeding").eval()
    sources = [source for source, _ in some_pairs([(3, 0), (6, 0), (0, 0)])]
    every = search(net, sources, beam_size=beam_size, n_best=beam_size, max_length=5)
    for source, best in zip(sources, every, strict=True):
        for one in best:
            memory, carry, steps = net.encode(*source_batch([source])), None, []
            for last in (START, *one.ids):
                _, carry, weights = net.step(torch.tensor([last]), memory, carry)
                steps.append(weights[0, : len(source) + 1])
            torch.testing.assert_close(one.attention, torch.stack(steps))
            torch.testing.assert_close(one.attention.sum(1), torch.ones(len(one.ids) + 1).double())


def test_without_attention_the_search_gives_none():
    (best,) = search(ensemble("no attention").eval(), [np.array([4, 5], np.int32)], beam_size=3, max_length=5)
    assert best[0].attention is None


@pytest.mark.parametrize("kind", ["word", "char", "byte", "bpe"])
def test_texts_come_back_from_their_units(kind):
    texts = ["The cat sat.", "A dog, a cat!"]
    tokenizer = TextTokenizer.learn(texts, Seq2SeqSettings(tokenizer=kind), ["<to fr>"])
    again = put_together(TextTokenizer, *taken_apart(tokenizer, TextTokenizer))
    assert tokenizer.tokenizer.specials == (*SPECIALS, "<to fr>")
    for text in texts:
        ids = tokenizer.encode(f"  {text} \n")
        assert ids.min() > len(SPECIALS)
        assert tokenizer.decode(ids) == again.decode(again.encode(text)) == text
        assert len(tokenizer.parts(text)) == len(ids)
    assert tokenizer.joined(tokenizer.parts("The cat sat.")).strip() == "The cat sat."
