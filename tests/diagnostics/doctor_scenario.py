"""A training with remedies; `torchrun` runs it as a program in two processes."""

import sys
from functools import partial
from pathlib import Path

import torch

from ostinato.cells import Elman
from ostinato.data.batches import IndexBatches
from ostinato.diagnostics import Doctor
from ostinato.nn import Recurrent
from ostinato.training import DistributedContext, LossSum, Trainer, TrainingSettings

if __name__ == "__main__":
    torch.set_num_threads(1)
    process = DistributedContext.from_environment()
    torch.manual_seed(0)
    x = torch.randn(16, 30, 2)
    model = Recurrent(partial(Elman, activation="identity", init="orthogonal"), 2, 8)
    with torch.no_grad():
        model.cells[0].weight_hh.mul_(1.2)
    settings = TrainingSettings(doctor="fix", doctor_every=5, clip_norm=None, epochs=6, learning_rate=1e-4)
    batches = IndexBatches(16, 4, lambda rows: x[rows], rank=process.rank, world_size=process.world_size)
    doctor = Doctor(model, settings)
    trainer = Trainer(
        model, lambda model, x, _: LossSum(model(x)[0][:, -1].square().mean(), 1), settings, monitor=doctor
    )
    trainer.fit(batches)
    weights = [parameter.flatten().tolist() for parameter in model.parameters()]
    Path(sys.argv[1], f"{process.rank}.txt").write_text(f"{doctor.clip_norm}\n{weights}")
