"""A device as it was found: what it is, and the state it was in."""

from __future__ import annotations

from pydantic import Field

from edgerig.results.value import Sparse, Value


class Battery(Sparse):
    percent: int | None = None
    status: str | None = Field(default=None, description="in the words of /sys/class/power_supply")
    powered_by: tuple[str, ...] = ()
    temperature_c: float | None = None


class FrequencyPolicy(Sparse):
    """A domain of processors that share a clock."""

    policy: str
    frequency_khz: int | None = None
    max_frequency_khz: int | None = None


class DeviceState(Sparse):
    """What a probe was told of a device at one moment; of what it asked for in vain, `reasons` says why.

    What a job would run with there (`devices/installed.py`) stands beside, by the distribution's name.
    """

    governor: str | None = None
    frequency_khz: int | None = None
    max_frequency_khz: int | None = None
    load1: float | None = None
    memory_available_bytes: int | None = None
    free_bytes: int | None = None
    python: str | None = None
    clock_offset_s: int | None = None
    throttled: tuple[str, ...] | None = Field(default=None, description="a Raspberry Pi's flags; empty: none is set")
    battery: Battery | None = None
    oom_kills: int | None = None
    temperatures_c: dict[str, float] | None = Field(default=None, description="by thermal zone")
    policies: tuple[FrequencyPolicy, ...] | None = None
    features: tuple[str, ...] | None = Field(default=None, description="of the processor, as inference kernels ask")
    board: str | None = None
    kernel: str | None = None
    maker: str | None = None
    sdk: int | None = None
    thermal_status: str | None = Field(default=None, description="Android's, from none to shutdown")
    screen: str | None = Field(default=None, description="Android's: on or off")
    runtime: str | None = Field(
        default=None, description="what runs the jobs: the device's own packages (system), wheels, or a bundle"
    )
    bundle: str | None = None
    wheels: str | None = Field(default=None, description="the set of wheels brought for the device's own Python")
    guest_instructions: str | None = None
    turn: str | None = Field(default=None, description="who works on the device")
    reasons: dict[str, str] = Field(default={})


class DeviceRecord(Value):
    kind: str
    emulated: bool
    arch: str | None = None
    cpu: str | None = None
    cores: int | None = None
    memory_bytes: int | None = None
    os: str | None = None
    int8_saturates: bool | None = Field(
        default=None,
        description="do the processor's products of unsigned by signed 8-bit numbers saturate at 16 bits "
        "(x86-64 with AVX2 and without VNNI)? null: not known",
    )
    state: DeviceState = DeviceState()
