"""Reading NumPy arrays out of a pickle without unpickling: nothing that a file names is called, or even looked up."""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np
from numpy.typing import NDArray


def load_arrays(data: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of a pickled ``{name: array}`` of float32 or float64.

    Raises pickle.UnpicklingError for whatever else is in it, and what pickle raises for a damaged file.
    """
    loaded = _Reader(io.BytesIO(data)).load()
    if not isinstance(loaded, dict) or not all(isinstance(value, _Array) for value in loaded.values()):
        raise pickle.UnpicklingError("it must be a dict of arrays")
    return {str(name): value.values for name, value in loaded.items()}


class _Reader(pickle.Unpickler):
    """Puts the classes below in the place of all that a pickled array names."""

    def find_class(self, module: str, name: str) -> Any:
        known = {
            ("numpy.core.multiarray", "_reconstruct"): lambda kind, shape, code: _Array(),
            ("numpy.core.numeric", "_frombuffer"): _Array.of,
            ("numpy", "ndarray"): "ndarray",
            ("numpy", "dtype"): _Kind,
            ("_codecs", "encode"): lambda text, coding: text.encode("latin1"),  # how old pickles write bytes
        }
        place = (module.replace("numpy._core", "numpy.core"), name)
        if place not in known:
            raise pickle.UnpicklingError(f"{module}.{name} is refused, only arrays are read")
        return known[place]


class _Kind:
    """The type of an array's numbers."""

    def __init__(self, code: str, *flags: Any) -> None:
        if code not in ("f4", "f8"):
            raise pickle.UnpicklingError(f"arrays must be float32 or float64, got {code!r}")
        self.dtype: np.dtype[Any] = np.dtype(code)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """An array in the making."""

    values: NDArray[Any] = np.zeros(0)

    @classmethod
    def of(cls, data: bytes, kind: _Kind, shape: tuple[int, ...], order: str) -> _Array:
        array = cls()
        array.__setstate__((1, shape, kind, order == "F", data))
        return array

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, fortran, data = state
        self.values = np.frombuffer(data, kind.dtype).reshape(shape, order="F" if fortran else "C")
