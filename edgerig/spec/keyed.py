"""Tables some of whose keys are the rows of another table, such as figures: a row more is a key more."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator

from edgerig.spec.toml import Strict

Number = int | float
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Quantity = Literal["share", "positive", "whole", "amount", "number", "any"]
"""A share of 1; a number above 0; a whole one; the same two from 0 on: `amount` whole, `number` not; any number."""

_TYPES: dict[str, Any] = {
    "share": Share,
    "positive": Annotated[float, Field(gt=0, le=1e15, allow_inf_nan=False)],
    "whole": Annotated[int, Field(gt=0, le=2**53)],
    "amount": Annotated[int, Field(ge=0, le=2**53)],
    "number": Annotated[float, Field(ge=0, allow_inf_nan=False)],
    "any": Annotated[float, Field(allow_inf_nan=False)],
}


class Keyed(Strict):
    """`row_keys` are read when a table is checked; what a table does not say of them is None. Other keys are errors
    unless they are None: so a run records a row that nobody used, and its package may be gone."""

    model_config = ConfigDict(extra="allow")

    @classmethod
    def row_keys(cls) -> Mapping[str, Quantity]:
        raise NotImplementedError

    def of(self, key: str) -> Number | None:
        """The value under a row's key, None where there is none."""
        value: Number | None = getattr(self, key, None)
        return value

    @model_validator(mode="before")
    @classmethod
    def _checked(cls, given: Any) -> Any:
        """What is wrong with a row's value is told as of any other field's."""
        if not isinstance(given, dict):
            return given
        own = {key: value for key, value in given.items() if key in cls.model_fields}
        rest = {key: value for key, value in given.items() if key not in own and value is not None}
        rows = tuple((key, quantity) for key, quantity in cls.row_keys().items() if key not in cls.model_fields)
        checked = _table(rows).model_validate(rest)
        return own | checked.model_dump()


@lru_cache(maxsize=64)
def _table(rows: tuple[tuple[str, Quantity], ...]) -> type[BaseModel]:
    fields: dict[str, Any] = {key: (_TYPES[quantity] | None, None) for key, quantity in rows}
    return create_model("Rows", __base__=Strict, **fields)
