"""Values made when they are first asked for."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

ValueT = TypeVar("ValueT")


class lazily(Generic[ValueT]):  # noqa: N801 - a decorator
    """A property that is made once and kept, as `functools.cached_property` does.

    Up to Python 3.11 that lets only one thread make such a property at a time, whatever the
    objects.  Here threads never wait; if two ask one object at once, both make the value.
    """

    def __init__(self, func: Callable[[Any], ValueT]) -> None:
        self.func = func
        self.__doc__ = func.__doc__
        self._name = func.__name__

    @overload
    def __get__(self, instance: None, owner: type) -> "lazily[ValueT]": ...

    @overload
    def __get__(self, instance: object, owner: type) -> ValueT: ...

    def __get__(self, instance: object, owner: type) -> "lazily[ValueT] | ValueT":
        if instance is None:
            return self
        value = self.func(instance)
        vars(instance)[self._name] = value  # found before this is asked again
        return value
