"""Batches of rows that are aligned with labels."""

import torch


def padded(rows, seed, nodes=False):
    """Scores that are NaN past each row's end, targets that are no class there, and both lengths."""
    torch.manual_seed(seed)
    lengths, target_lengths = [frames for frames, _ in rows], [len(labels) for _, labels in rows]
    shape = (max(lengths), max(target_lengths) + 1, 3) if nodes else (max(lengths), 3)
    scores = torch.full((len(rows), *shape), torch.nan, dtype=torch.float64)
    targets = torch.full((len(rows), max(target_lengths)), -7)
    for row, (frames, labels) in enumerate(rows):
        valid = (row, slice(frames), slice(len(labels) + 1)) if nodes else (row, slice(frames))
        scores[valid] = torch.randn_like(scores[valid])
        targets[row, : len(labels)] = torch.tensor(labels, dtype=torch.int64)
    return scores.requires_grad_(), targets, lengths, target_lengths
