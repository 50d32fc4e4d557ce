import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ostinato.data.batches import BucketBatches, ChunkedBatches, IndexBatches, StreamBatches
from ostinato.errors import OstinatoError


def rows(indices):
    return indices.tolist()


def joined(lists):
    return [row for rows in lists for row in rows]


sizes = st.integers(1, 40)


# IndexBatches


@given(size=sizes, batch_size=sizes, seed=st.integers(0, 3), shuffle=st.booleans())
def test_an_epoch_holds_every_row_once(size, batch_size, seed, shuffle):
    batches = IndexBatches(size, batch_size, rows, shuffle=shuffle, seed=seed)
    seen = list(batches.epoch(0))
    assert len(seen) == len(batches)
    assert sorted(joined(seen)) == list(range(size))
    assert shuffle or joined(seen) == list(range(size))


@given(size=sizes, batch_size=sizes, number=st.integers(0, 3), data=st.data())
def test_an_epoch_begun_in_its_middle_goes_on_as_if_read_from_the_start(size, batch_size, number, data):
    batches = IndexBatches(size, batch_size, rows)
    start = data.draw(st.integers(0, len(batches)))
    assert list(batches.epoch(number, start)) == list(batches.epoch(number))[start:]


def test_the_order_depends_on_seed_and_epoch_and_on_nothing_else():
    first = list(IndexBatches(50, 8, rows, seed=1).epoch(3))
    np.random.seed(7)
    again = IndexBatches(50, 8, rows, seed=1)
    list(again.epoch(0))
    assert list(again.epoch(3)) == first
    assert list(again.epoch(4)) != first
    assert list(IndexBatches(50, 8, rows, seed=2).epoch(3)) != first


@given(size=st.integers(4, 40), batch_size=st.integers(4, 12), world_size=st.integers(1, 4))
def test_processes_take_equal_parts_of_every_global_batch(size, batch_size, world_size):
    alone = list(IndexBatches(size, batch_size, rows).epoch(2))
    shares = [
        list(IndexBatches(size, batch_size, rows, rank=r, world_size=world_size).epoch(2)) for r in range(world_size)
    ]
    assert all(len(share) == len(IndexBatches(size, batch_size, rows, world_size=world_size)) for share in shares)
    for whole, *parts in zip(alone, *shares, strict=False):
        assert len({len(part) for part in parts}) == 1
        assert parts[0]
        assert joined(parts) == whole[: len(whole) // world_size * world_size]


def test_a_limit_takes_a_random_part_of_the_rows_each_epoch():
    batches = IndexBatches(100, 10, rows, limit=2)
    assert len(batches) == len(list(batches.epoch(0))) == 2
    assert sorted(joined(batches.epoch(0))) != sorted(joined(batches.epoch(1)))


def test_no_batch_of_rows_continues_another():
    assert not any(IndexBatches(9, 2, rows).continues(index) for index in range(5))


def test_too_few_rows_for_the_processes_are_refused():
    with pytest.raises(OstinatoError, match="0 rows"):
        IndexBatches(0, 4, rows)
    with pytest.raises(OstinatoError, match="batch_size=1"):
        IndexBatches(10, 1, rows, world_size=2)


# BucketBatches

lengths = st.lists(st.integers(0, 9), min_size=1, max_size=60).map(np.array)


@given(lengths=lengths, batch_size=sizes, pool=st.integers(1, 4), number=st.integers(0, 3))
def test_an_epoch_of_buckets_holds_every_row_once(lengths, batch_size, pool, number):
    batches = BucketBatches(lengths, batch_size, rows, pool=pool)
    seen = list(batches.epoch(number))
    assert len(seen) == len(batches)
    assert sorted(joined(seen)) == list(range(len(lengths)))
    assert max(map(len, seen)) <= batch_size


@given(lengths=lengths, batch_size=sizes, number=st.integers(0, 3), data=st.data())
def test_an_epoch_of_buckets_begun_in_its_middle_goes_on_as_if_read_from_the_start(lengths, batch_size, number, data):
    batches = BucketBatches(lengths, batch_size, rows, pool=2)
    start = data.draw(st.integers(0, len(batches)))
    assert list(batches.epoch(number, start)) == list(batches.epoch(number))[start:]


@given(lengths=lengths, batch_size=st.integers(1, 12))
def test_rows_of_like_length_come_together(lengths, batch_size):
    """In one pool the batches, put in order, are the rows sorted by length."""
    batches = [lengths[batch].tolist() for batch in BucketBatches(lengths, batch_size, rows).epoch(0)]
    assert all(batch == sorted(batch) for batch in batches)
    assert joined(sorted(batches, key=lambda batch: (batch[0], batch[-1]))) == sorted(lengths.tolist())


def test_buckets_pad_far_less_than_batches_in_random_order():
    lengths = np.random.default_rng(0).integers(1, 100, 1000)

    def padding(batches):
        return sum(lengths[batch].max() * len(batch) - lengths[batch].sum() for batch in batches.epoch(0))

    assert padding(BucketBatches(lengths, 20, rows)) < padding(IndexBatches(1000, 20, rows)) / 20


def test_the_order_of_buckets_depends_on_seed_and_epoch_and_on_nothing_else():
    lengths = np.arange(50) % 7
    first = list(BucketBatches(lengths, 8, rows, seed=1).epoch(3))
    np.random.seed(7)
    again = BucketBatches(lengths, 8, rows, seed=1)
    list(again.epoch(0))
    assert list(again.epoch(3)) == first
    assert list(again.epoch(4)) != first
    assert sorted(map(sorted, again.epoch(4))) != sorted(map(sorted, first))  # other rows come together, too
    assert list(BucketBatches(lengths, 8, rows, seed=2).epoch(3)) != first
    assert [lengths[batch].max() for batch in first] != sorted(lengths[batch].max() for batch in first)


@given(lengths=lengths, batch_size=st.integers(4, 12), world_size=st.integers(1, 4))
def test_processes_take_equal_parts_of_every_global_bucket(lengths, batch_size, world_size):
    if len(lengths) < world_size:
        return
    shares = [
        list(BucketBatches(lengths, batch_size, rows, rank=r, world_size=world_size).epoch(2))
        for r in range(world_size)
    ]
    assert all(len(share) == len(BucketBatches(lengths, batch_size, rows, world_size=world_size)) for share in shares)
    seen = [row for share in shares for row in joined(share)]
    assert len(seen) == len(set(seen))
    assert len(lengths) - len(seen) <= (world_size - 1) * -(-len(lengths) // batch_size)
    for parts in zip(*shares, strict=True):
        assert len({len(part) for part in parts}) == 1
        assert parts[0]


def test_no_bucket_continues_another_and_too_few_rows_are_refused():
    assert not any(BucketBatches(np.ones(9), 2, rows).continues(index) for index in range(5))
    with pytest.raises(OstinatoError, match="0 rows"):
        BucketBatches(np.zeros(0), 4, rows)
    with pytest.raises(OstinatoError, match="batch_size=1"):
        BucketBatches(np.ones(10), 1, rows, world_size=2)


# StreamBatches


@given(steps=sizes, chunk=sizes, start=st.integers(0, 40))
def test_the_chunks_of_a_stream_join_to_the_stream(steps, chunk, start):
    x, y = torch.randn(2, steps, 3), torch.randn(2, steps)
    batches = StreamBatches(x, y, chunk=chunk)
    pieces = list(batches.epoch(0))
    assert len(pieces) == len(batches)
    assert torch.equal(torch.cat([piece[0] for piece in pieces], 1), x)
    assert torch.equal(torch.cat([piece[1] for piece in pieces], 1), y)
    assert [p[0].shape for p in batches.epoch(1, start)] == [p[0].shape for p in pieces[start:]]
    assert [batches.continues(index) for index in range(len(batches))] == [False] + [True] * (len(batches) - 1)


@given(steps=st.integers(1, 300), chunk=st.integers(4, 40), number=st.integers(0, 5), data=st.data())
def test_jittered_chunks_join_to_the_stream_and_are_as_many_in_every_epoch(steps, chunk, number, data):
    x = torch.arange(steps)[None]
    batches = StreamBatches(x, chunk=chunk, jitter=chunk / 4, seed=3)
    pieces = [piece[0] for (piece,) in batches.epoch(number)]
    assert len(pieces) == len(batches) == -(-steps // chunk)
    assert torch.equal(torch.cat(pieces), x[0])
    assert all(len(piece) for piece in pieces)
    assert [batches.lr_scale(number, index) for index in range(len(batches))] == [
        len(piece) / chunk for piece in pieces
    ]
    start = data.draw(st.integers(0, len(batches)))
    rest = [piece[0] for (piece,) in batches.epoch(number, start)]
    assert all(torch.equal(a, b) for a, b in zip(rest, pieces[start:], strict=True))


def test_jittered_chunks_have_other_lengths_in_every_epoch_about_a_twentieth_of_them_half_as_long():
    x = torch.zeros(1, 70 * 2000)
    first, second = ([len(piece[0]) for (piece,) in epoch] for epoch in map(jittered(x, 0).epoch, (0, 1)))
    assert first != second
    assert first == [len(piece[0]) for (piece,) in jittered(x, 0).epoch(0)]
    assert first != [len(piece[0]) for (piece,) in jittered(x, 1).epoch(0)]
    assert 0.03 < sum(length < 53 for length in first) / len(first) < 0.07
    assert 60 < sorted(first)[1000] < 80


def jittered(x, seed):
    return StreamBatches(x, chunk=70, jitter=5, seed=seed)


@given(steps=st.integers(1, 100), chunk=st.integers(4, 20), jitter=st.integers(0, 1), number=st.integers(0, 5))
def test_shifted_epochs_begin_in_different_places(steps, chunk, jitter, number):
    x = torch.arange(steps)[None]
    batches = StreamBatches(x, chunk=chunk, jitter=jitter, shift=True)
    read = torch.cat([piece[0] for (piece,) in batches.epoch(number)])
    assert len(list(batches.epoch(number))) == len(batches)
    assert torch.equal(read, torch.arange(int(read[0]), int(read[0]) + len(read)))
    assert len(read) >= min(steps, max(steps - 2 * chunk, chunk))
    if steps >= 3 * chunk:
        assert len({int(next(batches.epoch(number))[0][0, 0]) for number in range(20)}) > 1


def test_processes_take_different_streams():
    x = torch.arange(5)[:, None].expand(5, 4)
    seen = [next(StreamBatches(x, chunk=2, rank=rank, world_size=2).epoch(0))[0][:, 0].tolist() for rank in range(2)]
    assert seen == [[0, 1], [2, 3]]


def test_streams_that_do_not_agree_are_refused():
    with pytest.raises(OstinatoError, match="agree"):
        StreamBatches(torch.zeros(2, 5), torch.zeros(2, 6), chunk=2)
    with pytest.raises(OstinatoError, match="too few"):
        StreamBatches(torch.zeros(2, 0), chunk=2)


# ChunkedBatches


@given(size=st.integers(1, 9), steps=st.integers(1, 9), chunk=st.integers(1, 9), data=st.data())
def test_chunks_of_whole_sequences_continue_within_a_batch_only(size, steps, chunk, data):
    x = torch.arange(size * steps).reshape(size, steps)
    source = IndexBatches(size, 2, lambda indices: x[indices])
    batches = ChunkedBatches(source, steps, chunk, lambda batch, piece: batch[:, piece])
    pieces = list(batches.epoch(1))
    assert len(pieces) == len(batches)
    whole: list[torch.Tensor] = []
    for index, piece in enumerate(pieces):
        if batches.continues(index):
            whole[-1] = torch.cat([whole[-1], piece], 1)
        else:
            whole.append(piece)
    assert all(torch.equal(a, b) for a, b in zip(whole, source.epoch(1), strict=True))
    start = data.draw(st.integers(0, len(batches)))
    assert all(torch.equal(a, b) for a, b in zip(batches.epoch(1, start), pieces[start:], strict=True))
