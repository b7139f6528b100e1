"""The one way loops are compiled here: at the first call, serial, without the GIL, kept on disk.

``jit``, ``compiled`` and ``inlined`` return a `Kernel`, ``intrinsic`` an `Intrinsic`: light objects
that import numba when they are first called or compiled, so that a process that runs no loop never
pays for it. Inside a compiled loop numba takes them for what they stand for. Where compiled code is
kept, and when it is stale, is told in ``_jit_cache.py``.

Never numba's own threads (its ``parallel`` option): they do not survive ``fork``, and a forked
child that runs such a kernel is killed.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar, cast, overload

__all__ = ["Intrinsic", "Kernel", "compiled", "inlined", "intrinsic", "jit"]

F = TypeVar("F", bound=Callable[..., object])

# Sources newer than this are not those that this process runs.
_STARTED: Final = time.time()
# Leaves out the counting of references to arrays; for loops that allocate nothing.
_NO_COUNTING: Final[dict[str, Any]] = {"_nrt": False}


class Kernel:
    """A function that is compiled, or loaded from disk, at its first call.

    Safe to call from several threads at once, and to pickle: it travels by its name.

    Attributes
    ----------
    __wrapped__, py_func : the Python function
    dispatcher : what numba makes of it
    """

    __wrapped__: Callable[..., Any]
    __qualname__: str

    def __init__(self, function: Callable[..., Any], options: dict[str, Any]) -> None:
        functools.update_wrapper(self, function)
        self.py_func = function
        self._options = options
        self._made: Any = None

    def __call__(self, *args: Any) -> Any:
        return self.dispatcher(*args)

    @property
    def dispatcher(self) -> Any:
        """Return numba's dispatcher; the first call imports numba."""
        from recommender._jit_cache import LOCK, make_dispatcher

        with LOCK:
            if self._made is None:
                self._made = make_dispatcher(self.__wrapped__, self._options, started=_STARTED)
                # From now on a call goes straight to the dispatcher, a fifth of what it takes
                # through a method in Python.
                called = {"__call__": staticmethod(self._made), "__slots__": ()}
                self.__class__ = type(Kernel.__name__, (Kernel,), called)
            return self._made

    @property
    def _numba_type_(self) -> Any:
        """Return the type that numba gives this object in a loop that uses it: its dispatcher's."""
        return self.dispatcher._numba_type_

    def __reduce__(self) -> str:
        return self.__qualname__

    def __repr__(self) -> str:
        return f"<kernel {self.__module__}.{self.__qualname__}>"


class Intrinsic:
    """A function that writes LLVM instructions into the loops that use it, as numba's intrinsics.

    It is called only from loops.
    """

    __wrapped__: Callable[..., Any]
    __qualname__: str

    def __init__(self, function: Callable[..., Any], options: dict[str, Any]) -> None:
        functools.update_wrapper(self, function)
        self._options = options
        self._made: Any = None

    def __call__(self, *args: Any) -> Any:
        raise NotImplementedError(f"{self!r} can be called only from a compiled loop.")

    @property
    def _numba_type_(self) -> Any:
        """Return the type that numba gives this object in a loop that uses it."""
        from recommender._jit_cache import LOCK, make_intrinsic

        with LOCK:
            if self._made is None:
                self._made = make_intrinsic(self.__wrapped__, self._options)
            return self._made

    def __reduce__(self) -> str:
        return self.__qualname__

    def __repr__(self) -> str:
        return f"<intrinsic {self.__module__}.{self.__qualname__}>"


def jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile ``function`` at its first call; other threads run while it runs."""
    return Kernel(function, {})


def compiled(function: F) -> F:
    """Compile a function that allocates nothing: references to its arrays are not counted."""
    return cast("F", Kernel(function, _NO_COUNTING))


def inlined(function: F) -> F:
    """Compile a function that allocates nothing into each of its callers."""
    return cast("F", Kernel(function, {"forceinline": True, **_NO_COUNTING}))


@overload
def intrinsic(function: Callable[..., Any], /) -> Intrinsic: ...
@overload
def intrinsic(*, prefer_literal: bool) -> Callable[[Callable[..., Any]], Intrinsic]: ...
def intrinsic(function: Callable[..., Any] | None = None, /, **options: bool) -> Any:
    """Make numba's intrinsic of ``function(typing_context, *types)``, imported when it is used.

    What the function needs of numba and llvmlite it imports itself, inside.
    """
    if function is None:
        return functools.partial(Intrinsic, options=options)
    return Intrinsic(function, options)
