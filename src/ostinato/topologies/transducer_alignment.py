"""Which frames of a recurrent transducer write known labels."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ostinato.topologies.ctc_alignment import AlignedLabel
from ostinato.topologies.scorers import Floats
from ostinato.topologies.transducer import Transducer


@torch.no_grad()
def transducer_align(network: Transducer, encoded: Tensor, labels: Sequence[int]) -> list[AlignedLabel]:
    """The best of all alignments of labels with frames (Viterbi 1967, over the lattice of Graves 2012, section 2.4).

    Args:
        network: In evaluation mode.
        encoded: Frames ``(time, encoder_size)``.
        labels: The labels.

    Returns:
        Each label with the frame that writes it, in order, and its probability there.

    Raises:
        ValueError: For frames of another shape, labels that are none, or labels without a frame.

    Example:
        >>> import torch
        >>> from ostinato.cells import GRU
        >>> from ostinato.nn import Recurrent
        >>> from ostinato.topologies import Transducer, transducer_align
        >>> net = Transducer(16, Recurrent(GRU, 8, 12), num_classes=5).eval()
        >>> aligned = transducer_align(net, torch.randn(7, 16), [3, 1, 1])
        >>> [each.label for each in aligned], aligned[0].start <= aligned[1].start
        ([3, 1, 1], True)
    """
    size, classes = network.from_encoder.in_features, network.output.out_features
    if encoded.dim() != 2 or encoded.shape[1] != size:
        raise ValueError(f"encoded must be (time, {size}), got {tuple(encoded.shape)}")
    if any(not 0 <= label < classes or label == network.blank for label in labels):
        raise ValueError(f"labels must lie between 0 and {classes - 1} and not be {network.blank}, got {list(labels)}")
    if not labels:
        return []
    if not len(encoded):
        raise ValueError(f"no frames for {len(labels)} labels")
    targets = torch.tensor([list(labels)], device=encoded.device)
    told = network(encoded[None], targets)[0].log_softmax(-1).double().cpu().numpy()  # (time, labels + 1, classes)
    blanks, written = told[:, :, network.blank], told[:, np.arange(len(labels)), list(labels)]
    frames = _frames(blanks, written)
    return [
        AlignedLabel(label, frame, frame + 1, float(np.exp(written[frame, at])))
        for at, (label, frame) in enumerate(zip(labels, frames, strict=True))
    ]


def _frames(blanks: Floats, written: Floats) -> list[int]:
    """The frame of each label: at every frame the best number of labels before it is noted, and followed back."""
    time, labels = written.shape
    best = np.where(np.arange(labels + 1) == 0, 0.0, -np.inf)
    before = np.zeros((time, labels + 1), np.int64)
    for frame in range(time):
        along = np.concatenate([[0.0], np.cumsum(written[frame])])
        here = best - along
        most = np.maximum.accumulate(here)
        before[frame] = np.maximum.accumulate(np.where(here == most, np.arange(labels + 1), 0))
        best = most + along + blanks[frame]
    frames, end = [], labels
    for frame in reversed(range(time)):
        first = int(before[frame, end])
        frames += [frame] * (end - first)
        end = first
    return frames[::-1]
