"""Training with several processes under `torchrun`."""

import atexit
import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True)
class DistributedContext:
    """One of the processes that train together, by default the only one.

    Args:
        rank: its number among all.
        world_size: how many there are.
        local_rank: its number on its machine, which is also that of its GPU.

    Example:
        >>> from ostinato.training import DistributedContext
        >>> context = DistributedContext.from_environment()  # as torchrun sets it
        >>> context.main, context.world_size
        (True, 1)
        >>> context.all_reduce_sum(2.0, 3.0)
        [2.0, 3.0]
    """

    rank: int = 0
    world_size: int = 1
    local_rank: int = 0

    @classmethod
    def from_environment(cls) -> "DistributedContext":
        """As `torchrun` says in RANK, WORLD_SIZE and LOCAL_RANK; alone when it does not."""
        rank, world_size, local_rank = (os.environ.get(name) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
        return cls(int(rank or 0), int(world_size or 1), int(local_rank or 0))

    @property
    def main(self) -> bool:
        """Whether it is the one that writes files and shows progress."""
        return self.rank == 0

    @property
    def device(self) -> torch.device:
        """Its own GPU where there is one, else the CPU."""
        return torch.device("cuda", self.local_rank) if torch.cuda.is_available() else torch.device("cpu")

    def join(self) -> None:
        """Join the others by gloo, and nccl for tensors on GPUs, until the process ends.

        Once in a process, as the addresses left by a group that is gone would mislead the next.
        """
        if self.world_size == 1 or dist.is_initialized():
            return
        cuda = torch.cuda.is_available()
        if cuda:
            torch.cuda.set_device(self.device)
        dist.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo", rank=self.rank, world_size=self.world_size)
        # Its threads release tensors; one that did so while the interpreter ends would abort the process.
        atexit.register(dist.destroy_process_group)

    def wrap(self, model: nn.Module) -> nn.Module:
        """The model with its gradients averaged over the processes during `backward`, from equal weights."""
        return model if self.world_size == 1 else DistributedDataParallel(model)

    def no_sync(self, wrapped: nn.Module) -> AbstractContextManager[None]:
        """Where gradients stay in the process, because more batches are to be added to them."""
        return wrapped.no_sync() if isinstance(wrapped, DistributedDataParallel) else nullcontext()

    def all_reduce_sum(self, *values: float) -> list[float]:
        """Each value summed over the processes."""
        if self.world_size == 1:
            return list(values)
        tensor = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(tensor)
        return list(tensor.tolist())

    def gather(self, tensor: Tensor) -> list[Tensor]:
        """The tensors of all processes in order of rank; they must be alike in shape."""
        if self.world_size == 1:
            return [tensor]
        gathered = [torch.empty_like(tensor) for _ in range(self.world_size)]
        dist.all_gather(gathered, tensor.contiguous())
        return gathered
