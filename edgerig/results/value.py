"""What all results are made of."""

from __future__ import annotations

from typing import Any, cast

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, SerializerFunctionWrapHandler, model_serializer
from pydantic_core import CoreSchema


class Value(BaseModel):
    """A frozen value of finite numbers: JSON has no other."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Sparse(Value):
    """Facts of which one source tells more than another: what nobody asked for is not written, and what a newer version
    tells beside them is kept."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    @model_serializer(mode="wrap")
    def _written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        told: dict[str, Any] = handler(self)
        return {name: value for name, value in told.items() if name in self.model_fields_set}

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The fields, which `_written` alone would hide, and that any of them may be absent."""
        fields = cast(CoreSchema, {key: value for key, value in core_schema.items() if key != "serialization"})
        schema = handler.resolve_ref_schema(handler(fields))
        schema.pop("required", None)
        return schema
