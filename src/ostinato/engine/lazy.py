"""Attributes that are computed when they are first asked for."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class lazy(Generic[T]):  # noqa: N801 (a decorator)
    """`functools.cached_property` as it is from Python 3.12 on: without a lock.

    Before, one lock of the class was held while a value was computed, compiling included: other objects waited for it,
    and a child forked meanwhile would have waited for ever. Two threads may compute the same value instead.

    Example:
        >>> class Circle:
        ...     @lazy
        ...     def area(self) -> float:
        ...         return 3.14
        >>> Circle().area
        3.14
    """

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self.compute, self.name = compute, compute.__name__
        self.__doc__ = compute.__doc__

    def __get__(self, owner: Any, kind: type) -> T:
        """The value; from now on it is an attribute of its own, and this is not asked again."""
        value = owner.__dict__[self.name] = self.compute(owner)
        return value
