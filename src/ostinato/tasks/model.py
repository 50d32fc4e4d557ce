"""What fitting leaves: a network and all that belongs to it, kept and found again part by part."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Generic, Self, TypeVar, get_type_hints

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from ostinato.bundle import Bundle
from ostinato.errors import OstinatoError
from ostinato.parts import all_together, fields_apart, first_not_finite, with_default
from ostinato.storage import misfits
from ostinato.tasks.settings import NetworkSettings

S = TypeVar("S", bound=NetworkSettings)

OWN = ("settings", "network")
"""Fields that are kept apart: the settings stand in a bundle of their own accord, the network is made by `build`."""


class Model(ABC, Generic[S]):
    """A trained network with all that belongs to it. A subclass is a dataclass, whose fields are parts.

    `ostinato.parts` tells what a part may be. Each is saved under the name of its field; the annotations are the
    schema of what is read.

    Attributes:
        settings: With what fitting found in place of None.
        network: In evaluation mode, on the device where it predicts.
    """

    settings: S
    network: nn.Module

    @property
    def num_weights(self) -> int:
        """Numbers that training learns."""
        return sum(parameter.numel() for parameter in self.network.parameters())

    @classmethod
    @abstractmethod
    def build(cls, settings: S, parts: Mapping[str, Any]) -> nn.Module:
        """The network, untrained.

        Args:
            settings: With what fitting found in place of None.
            parts: The other fields of the model, by name, or as many of them as the network depends on.
        """

    def saved(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Every number that was learned by name, and everything else, fit for JSON."""
        tensors = {f"network.{name}": tensor for name, tensor in self.network.state_dict().items()}
        own, content = fields_apart(self, _parts_of(type(self)))
        return tensors | own, content

    def give_weights(self, network: nn.Module) -> None:
        """Gives the weights to another network.

        Raises:
            OstinatoError: They do not fit it.
        """
        weights = self.network.state_dict()
        if wrong := misfits(weights, network.state_dict()):
            raise OstinatoError(
                f"the weights to go on from do not fit: {'; '.join(wrong[:3])}. Leave out the settings that change the "
                "network"
            )
        network.load_state_dict(weights)

    @classmethod
    def restored(cls, bundle: Bundle, settings: S) -> Self:
        """What `saved` came from. Nothing is allocated for weights before their sizes agree with the settings.

        Raises:
            OstinatoError: What the bundle holds does not fit together.
        """
        own = {name: tensor for name, tensor in bundle.tensors.items() if not name.startswith("network.")}
        weights = {name.removeprefix("network."): bundle.tensors[name] for name in bundle.tensors.keys() - own.keys()}
        if broken := first_not_finite({f"network.{name}": tensor for name, tensor in weights.items()}):
            raise OstinatoError(
                f"{bundle.folder}: the weights {broken} hold numbers that are not finite: train the model again"
            )
        with _fitting_together(bundle):
            parts = all_together(_parts_of(cls), own, bundle.model, optional=with_default(cls))
        _refuse_depth(settings, weights, bundle)
        network = cls._network(settings, parts, weights, bundle)
        with _fitting_together(bundle):
            return cls(settings=settings, network=network.eval(), **parts)  # type: ignore[call-arg]

    @classmethod
    def _network(cls, settings: S, parts: dict[str, Any], weights: dict[str, Tensor], bundle: Bundle) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            try:
                with torch.device("meta"), _NothingDrawn():
                    outline = cls.build(settings, parts)
            except (ValueError, KeyError, TypeError, RuntimeError, IndexError, OverflowError) as error:
                raise OstinatoError(
                    f"{bundle.folder}: no network can be made of what was saved ({error}): save the model again"
                ) from error
            if wrong := misfits(weights, outline.state_dict()):
                told = "; ".join(wrong[:5])
                raise OstinatoError(
                    f"the weights in {bundle.folder} do not fit its settings: {told}. Save the model again"
                )
            network = cls.build(settings, parts)
        network.load_state_dict(weights)
        return network


class _NothingDrawn(TorchFunctionMode):
    """Leaves weights undrawn: an outline has none, and torch would import its compiler to draw them on no device."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """`func`, but for what draws random numbers: the tensor that they would stand in is given as it is."""
        kwargs = kwargs or {}
        if func in (torch.rand, torch.randn):
            return torch.empty(*args, **kwargs)
        if getattr(func, "__name__", "") in ("normal_", "uniform_", "kaiming_uniform_", "kaiming_normal_"):
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


@contextmanager
def _fitting_together(bundle: Bundle) -> Iterator[None]:
    """Where parts that do not fit, or not each other, are refused with the folder they were read from."""
    try:
        yield
    except ValueError as error:
        raise OstinatoError(f"{bundle.folder}: what was saved does not fit: {error}: save the model again") from None


def _refuse_depth(settings: NetworkSettings, weights: Mapping[str, Tensor], bundle: Bundle) -> None:
    """Even an outline takes time for each layer: there are no more of them than there are tensors."""
    for name in ("num_layers", "ensemble"):
        if (asked := getattr(settings, name, 1)) > len(weights):
            raise OstinatoError(
                f"the weights in {bundle.folder} do not fit its settings: {name} is {asked}, and there are "
                f"{len(weights)} tensors. Save the model again"
            )


def _parts_of(kind: type[Model[Any]]) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {name: hints[name] for name in kind.__dataclass_fields__ if name not in OWN}  # type: ignore[attr-defined]
