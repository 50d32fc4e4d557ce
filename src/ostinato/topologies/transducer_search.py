"""The likeliest labels of a recurrent transducer: a beam of prefixes that share their time."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ostinato.topologies.beam_search import Hypothesis
from ostinato.topologies.ctc_search import Prefix, PrefixTree
from ostinato.topologies.encoder_output import join_rows, select_rows
from ostinato.topologies.scorers import Floats, Scorer, WeightedScorers
from ostinato.topologies.transducer import MAX_SYMBOLS, PredictionState, Transducer


class TransducerSearch:
    """Time-synchronous beam search (Saon et al. 2020, "Alignment-length synchronous decoding for RNN transducer").

    At each frame the prefixes kept are extended by up to `max_symbols` labels, the best few at a time; each then goes
    on to the next frame by the blank. What arrives there by several ways is summed up, so that with room for all
    prefixes the search finds each one's probability, as `transducer_loss` gives it.

    Args:
        network: The transducer, in evaluation mode.
        beam_size: Prefixes kept.
        max_symbols: Labels that one frame writes at most.
        scorers: Language models, lexicons, hot words, length bonuses, each with its weight; see `Scorer`.

    Raises:
        ValueError: For a number out of range.

    Example:
        >>> import torch
        >>> from ostinato.cells import GRU
        >>> from ostinato.nn import Recurrent
        >>> from ostinato.topologies import Transducer, TransducerSearch
        >>> net = Transducer(16, Recurrent(GRU, 8, 12), num_classes=5).eval()
        >>> best, second = TransducerSearch(net, beam_size=4)(torch.randn(7, 16), n_best=2)
        >>> best.log_probability >= second.log_probability
        True
    """

    def __init__(
        self,
        network: Transducer,
        *,
        beam_size: int = 4,
        max_symbols: int = MAX_SYMBOLS,
        scorers: Sequence[tuple[Scorer[Any], float]] = (),
    ) -> None:
        for name, number in (("beam_size", beam_size), ("max_symbols", max_symbols)):
            if number < 1:
                raise ValueError(f"{name} must be at least 1, got {number}")
        self.network = network
        self.beam_size = beam_size
        self.max_symbols = max_symbols
        self.scorers = WeightedScorers(scorers)

    def __call__(self, encoded: Tensor, n_best: int = 1) -> list[Hypothesis]:
        """The likeliest labels of one row.

        Args:
            encoded: Frames ``(time, encoder_size)``.
            n_best: Texts to return.

        Returns:
            Them, best first, or as many as the beam holds; none where the scorers allow none.

        Raises:
            ValueError: For frames of another shape.
        """
        stream = self.stream()
        stream.feed(encoded)
        return stream.finish(n_best)

    def stream(self) -> "TransducerStream":
        """A search that is fed frame by frame, or in chunks of any size."""
        return TransducerStream(self)


class TransducerStream:
    """A `TransducerSearch` over frames that come chunk by chunk; what it finds is the same as at once, bit for bit.

    Args:
        search: Its settings.

    Example:
        >>> import torch
        >>> from ostinato.cells import GRU
        >>> from ostinato.nn import Recurrent
        >>> from ostinato.topologies import Transducer, TransducerSearch
        >>> search = TransducerSearch(Transducer(16, Recurrent(GRU, 8, 12), num_classes=5).eval())
        >>> encoded, stream = torch.randn(7, 16), search.stream()
        >>> stream.feed(encoded[:3])
        >>> stream.feed(encoded[3:])
        >>> stream.finish() == search(encoded)
        True
    """

    def __init__(self, search: TransducerSearch) -> None:
        self._search, self._network = search, search.network
        self._tree = PrefixTree(search.scorers)
        self._beam: dict[Prefix, float] = {self._tree.root: 0.0}
        with torch.no_grad():
            self._known: dict[Prefix, PredictionState] = {self._tree.root: self._network.start(1)}

    @torch.no_grad()
    def feed(self, encoded: Tensor) -> None:
        """Reads frames.

        Args:
            encoded: Frames ``(time, encoder_size)``; none is a chunk as well.

        Raises:
            ValueError: For frames of another shape.
        """
        size = self._network.from_encoder.in_features
        if encoded.dim() != 2 or encoded.shape[1] != size:
            raise ValueError(f"encoded must be (time, {size}), got {tuple(encoded.shape)}")
        for frame in encoded:
            self._advance(frame)

    def _advance(self, frame: Tensor) -> None:
        """One frame: labels as long as they are worth it, then the blank."""
        paths, arrived = self._beam, dict[Prefix, float]()
        for symbols in range(self._search.max_symbols + 1):
            if not paths or self._hopeless(paths, arrived):
                break
            log_probs = self._log_probs(frame, list(paths))
            for (prefix, nats), going_on in zip(paths.items(), log_probs[:, self._network.blank], strict=True):
                arrived[prefix] = float(np.logaddexp(arrived.get(prefix, -np.inf), nats + going_on))
            paths = self._extended(paths, log_probs) if symbols < self._search.max_symbols else {}
        kept = sorted(arrived, key=lambda prefix: -(arrived[prefix] + prefix.prior))[: self._search.beam_size]
        self._beam = {prefix: arrived[prefix] for prefix in kept if arrived[prefix] + prefix.prior > -np.inf}
        self._known = {prefix: self._known[prefix] for prefix in self._beam}

    def _hopeless(self, paths: dict[Prefix, float], arrived: dict[Prefix, float]) -> bool:
        """Whether a full beam has arrived that is better than all paths, which only become less likely."""
        if len(arrived) < self._search.beam_size:
            return False
        least = sorted(nats + prefix.prior for prefix, nats in arrived.items())[-self._search.beam_size]
        return max(nats + prefix.prior for prefix, nats in paths.items()) < least

    def _log_probs(self, frame: Tensor, prefixes: list[Prefix]) -> Floats:
        known = join_rows([self._known[prefix] for prefix in prefixes])
        scores: Floats = self._network.step(frame.expand(len(prefixes), -1), known).double().cpu().numpy()
        return scores

    def _extended(self, paths: dict[Prefix, float], log_probs: Floats) -> dict[Prefix, float]:
        """The best paths of one label more."""
        prefixes, size = list(paths), self._search.beam_size
        nats = np.array(list(paths.values()))[:, None] + log_probs
        nats[:, self._network.blank] = -np.inf
        ranks = nats + np.array([prefix.prior for prefix in prefixes])[:, None]
        if self._tree.scorers:
            ranks = ranks + np.stack([prefix.following for prefix in prefixes if prefix.following is not None])
        kept = np.argsort(-ranks, axis=None, kind="stable")[:size]
        rows, labels = np.divmod(kept[ranks.ravel()[kept] > -np.inf], log_probs.shape[1])
        found = self._tree.extend([prefixes[row] for row in rows], labels.tolist())
        self._read(found, [prefixes[row] for row in rows])
        return dict(zip(found, nats[rows, labels].tolist(), strict=True))

    def _read(self, prefixes: list[Prefix], parents: list[Prefix]) -> None:
        """Has the prediction network read the last label of prefixes that it does not know."""
        new = [(prefix, parent) for prefix, parent in zip(prefixes, parents, strict=True) if prefix not in self._known]
        if not new:
            return
        before = join_rows([self._known[parent] for _, parent in new])
        labels = torch.tensor([prefix.label for prefix, _ in new], device=before.predicted.device)
        after = self._network.advance(labels, before)
        for row, (prefix, _) in enumerate(new):
            self._known[prefix] = select_rows(after, torch.tensor([row], device=labels.device))

    def best(self, n_best: int = 1) -> list[Hypothesis]:
        """The best texts so far, as if more frames could come: without what the scorers say of the end."""
        return self._hypotheses(n_best, np.zeros(len(self._beam)))

    def finish(self, n_best: int = 1) -> list[Hypothesis]:
        """The best texts if no more frames come; none where the scorers allow none to end here."""
        return self._hypotheses(n_best, self._tree.ends(list(self._beam)))

    def _hypotheses(self, n_best: int, ends: Floats) -> list[Hypothesis]:
        if n_best < 1:
            raise ValueError(f"n_best must be at least 1, got {n_best}")
        found = [
            Hypothesis(prefix.ids, nats + prefix.prior + float(end), nats)
            for (prefix, nats), end in zip(self._beam.items(), ends, strict=True)
            if end > -np.inf
        ]
        return sorted(found, key=lambda each: -each.score)[:n_best]
