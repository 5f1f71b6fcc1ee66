"""What all results are made of."""

from __future__ import annotations

from typing import Any, ClassVar, Self, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    GetJsonSchemaHandler,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    model_serializer,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError

from edgerig.results.schema import beyond_bounds


class Value(BaseModel):
    """A frozen value of finite numbers: JSON has no other. Unknown fields are an error, except in the file of a newer
    minor version (`schema.NEWER`): there they are kept, and written again."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)
    open_ended: ClassVar[bool] = False
    """Whether any version's file may say more than the fields."""

    @model_validator(mode="after")
    def _foreseen(self, info: ValidationInfo) -> Self:
        more = self.model_extra
        if not more:
            return self
        if not (self.open_ended or (info.context or {}).get("newer")):
            names = ", ".join(sorted(more))[:200]
            raise PydanticCustomError("unknown_field", "Extra inputs are not permitted: {names}", {"names": names})
        if why := beyond_bounds(more):
            raise PydanticCustomError("unknown_field", "{why}", {"why": why})
        return self


class Sparse(Value):
    """Facts of which one source tells more than another: what nobody asked for is not written, and what a newer version
    tells beside them is kept."""

    open_ended = True

    @model_serializer(mode="wrap")
    def _written(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = handler(self)
        return {name: value for name, value in fields.items() if name in self.model_fields_set}

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The fields, which `_written` alone would hide, and that any of them may be absent."""
        fields = cast(CoreSchema, {key: value for key, value in core_schema.items() if key != "serialization"})
        schema = handler.resolve_ref_schema(handler(fields))
        schema.pop("required", None)
        return schema
