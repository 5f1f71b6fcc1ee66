"""What all that a device sends is made of: bounded, printable, and open to what a newer runner says beside."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from edgerig.errors import printable

LONGEST_NS = 10**15
Nanoseconds = Annotated[int, Field(ge=0, le=LONGEST_NS)]
Total = Annotated[int, Field(ge=0, le=10**18)]
"""Nanoseconds of all processors or threads together."""
Text = Annotated[str, Field(max_length=4000), AfterValidator(printable)]
Processor = Annotated[int, Field(ge=0, le=65535)]


class FromDevice(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)
