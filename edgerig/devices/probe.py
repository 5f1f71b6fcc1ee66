"""What a device is and the state it is in, asked in one round trip over any transport.

A POSIX shell script reads Linux's own files and prints `key=value` lines; it needs no tool but `sh`, and says less
where there is less. Nothing it prints is trusted: lines, numbers and texts are bounded and checked here. A value that
is missing is None, and `state.reasons` says why.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from edgerig import process
from edgerig.devices.transport import Transport
from edgerig.errors import DeviceError
from edgerig.measure.throttling import words
from edgerig.ondevice.processors import EXACT_INT8
from edgerig.process import Finished
from edgerig.processor_list import numbers
from edgerig.results import Battery, DeviceRecord, DeviceState, FrequencyPolicy

TIMEOUT_S = 30.0
OUTPUT_LIMIT_BYTES = 256 * 1024
TEXT_LIMIT = 200
LIST_LIMIT = 64
FEATURES = {
    "asimddp": "dotprod",
    "i8mm": "i8mm",
    "asimdhp": "fp16",
    "bf16": "bf16",
    "sve": "sve",
    "sve2": "sve2",
    "asimd": "neon",
    "neon": "neon",
    "avx2": "avx2",
    "avx512f": "avx512f",
    "avx512_vnni": "avx512_vnni",
    "avx_vnni": "avx_vnni",
    "amx_int8": "amx_int8",
}
"""The kernel's name in /proc/cpuinfo → ours, of the CPU features inference kernels ask for."""
SATURATING_INT8 = "sse4_1"
"""The feature from which on ONNX Runtime's x86 kernels use (V)PMADDUBSW (onnxruntime/core/mlas/lib/platform.cpp)."""

# $1 the folder whose free space is asked for (it may not exist yet), $2 the Python to ask for its version.
SCRIPT = """\
say() { [ -z "$2" ] || printf '%s=%s\\n' "$1" "$2"; }
file() { v=; [ -r "$2" ] && IFS= read -r v <"$2" 2>/dev/null; say "$1" "$v"; }
have() { command -v "$1" >/dev/null 2>&1; }
say arch "$(uname -m)"; say kernel "$(uname -sr)"; say clock "$(date +%s)"
[ -r /etc/os-release ] && while IFS= read -r l; do
  case $l in PRETTY_NAME=*) say os "${l#PRETTY_NAME=}" ;; esac
done </etc/os-release
if have getprop; then
  say android "$(getprop ro.build.version.release)"; say board "$(getprop ro.product.model)"
  say soc "$(getprop ro.soc.model)"; say abi "$(getprop ro.product.cpu.abi)"
fi
if [ -r /proc/device-tree/model ] && have tr; then say board "$(tr -d '\\000' </proc/device-tree/model)"; fi
processors=0 flags=
[ -r /proc/cpuinfo ] && while IFS= read -r l; do
  case $l in
    processor*) processors=$((processors + 1)) ;;
    'model name'*|Model*|Hardware*|'CPU implementer'*|'CPU part'*)
      [ $processors -gt 1 ] && case $l in 'model name'*|'CPU '*) continue ;; esac; say cpuinfo "$l" ;;
    Features*|flags*) [ -n "$flags" ] || { flags=1; say features "${l#*:}"; } ;;
  esac
done </proc/cpuinfo
say processors $processors
file online /sys/devices/system/cpu/online
[ -r /proc/meminfo ] && while IFS= read -r l; do
  case $l in MemTotal:*) say memory "$l" ;; MemAvailable:*) say available "$l"; break ;; esac
done </proc/meminfo
[ -r /proc/vmstat ] && while IFS= read -r l; do
  case $l in oom_kill\\ *) say oom_kills "${l#* }"; break ;; esac
done </proc/vmstat 2>/dev/null
file load /proc/loadavg
c=/sys/devices/system/cpu/cpu0/cpufreq
file governor $c/scaling_governor; file frequency $c/scaling_cur_freq; file max_frequency $c/cpuinfo_max_freq
for p in /sys/devices/system/cpu/cpufreq/policy*; do
  v=; [ -r "$p/scaling_cur_freq" ] && IFS= read -r v <"$p/scaling_cur_freq"
  w=; [ -r "$p/cpuinfo_max_freq" ] && IFS= read -r w <"$p/cpuinfo_max_freq"
  [ -z "$w" ] || say policy "${p##*/} $v $w"
done
for z in /sys/class/thermal/thermal_zone*; do
  t=; n=; [ -r "$z/temp" ] && IFS= read -r t <"$z/temp" 2>/dev/null
  [ -r "$z/type" ] && IFS= read -r n <"$z/type" 2>/dev/null
  [ -z "$t" ] || say temperature "$t ${n:-${z##*/}}"
done
for b in /sys/class/power_supply/*; do
  [ -r "$b/capacity" ] || continue
  v=; w=; IFS= read -r v <"$b/capacity"; [ -r "$b/status" ] && IFS= read -r w <"$b/status"
  say battery "$v $w"; break
done
if have vcgencmd; then say throttled "$(vcgencmd get_throttled 2>/dev/null)"; fi
d=$1; while [ -n "$d" ] && [ ! -d "$d" ]; do d=${d%/*}; done
have df && say space "$(df -Pk "${d:-/}" 2>/dev/null | { IFS= read -r l; IFS= read -r l; echo "$l"; })"
if have "$2"; then say python "$("$2" --version 2>&1)"; fi
exit 0
"""


def probe(transport: Transport, *, kind: str, emulated: bool, workdir: str, python: str = "python3") -> DeviceRecord:
    """Asks the device behind `transport`. Raises DeviceError when it cannot be reached or the script does not run."""
    done = transport.run(["sh", "-c", SCRIPT, "probe", workdir, python], TIMEOUT_S)
    now = time.time()
    if done.timed_out or done.returncode != 0:
        raise DeviceError(
            f"the probe {_ending(done)}: {done.stderr[-300:].decode('utf-8', 'replace').strip()}",
            hint="does `sh` work on the device?",
        )
    return parse(done.stdout, kind=kind, emulated=emulated, now=now)


def parse(output: bytes, *, kind: str, emulated: bool, now: float) -> DeviceRecord:
    """The record of what the script printed; `now` is the host's clock, to compare the device's with."""
    said = _lines(output)
    reasons: dict[str, str] = {}

    def value(name: str, key: str, read: Callable[[str], Any], reason: str) -> Any:
        found = read(said[key][0]) if said.get(key) else None
        if found is None:
            reasons[name] = reason if not said.get(key) else f"the device gave {said[key][0][:40]!r}"
        return found

    state: dict[str, Any] = {
        "governor": value("governor", "governor", _word, "the kernel has no cpufreq governor"),
        "frequency_khz": value("frequency_khz", "frequency", _count, "the kernel tells no current frequency"),
        "max_frequency_khz": value("max_frequency_khz", "max_frequency", _count, "the kernel tells no frequency"),
        "load1": value("load1", "load", _load, "/proc/loadavg cannot be read"),
        "memory_available_bytes": value("memory_available_bytes", "available", _kib, "/proc/meminfo does not tell"),
        "free_bytes": value("free_bytes", "space", _free, "df is missing or failed"),
        "python": value("python", "python", _version, "no such Python on the device"),
        "clock_offset_s": value("clock_offset_s", "clock", lambda text: _offset(text, now), "date does not tell"),
        "throttled": value("throttled", "throttled", _throttled, "no vcgencmd: not a Raspberry Pi"),
        "battery": value("battery", "battery", _battery, "no battery"),
        "oom_kills": value("oom_kills", "oom_kills", _count, "/proc/vmstat does not tell"),
        "temperatures_c": _temperatures(said) or None,
        "policies": _policies(said) or None,
        "features": _features(said),
        "board": value("board", "board", _text, "neither a device tree nor Android properties"),
        "kernel": value("kernel", "kernel", _text, "uname does not tell"),
    }
    for name, reason in (
        ("temperatures_c", "the kernel has no readable thermal zone"),
        ("policies", "the kernel has no cpufreq policies"),
        ("features", "/proc/cpuinfo does not tell"),
    ):
        if state[name] is None:
            reasons[name] = reason
    android = value("android", "android", _text, "")
    record = {
        "arch": value("arch", "arch", _word, "uname does not tell"),
        "cpu": _cpu(said) or state["board"],
        "cores": _cores(said),
        "memory_bytes": value("memory_bytes", "memory", _kib, "/proc/meminfo cannot be read"),
        "os": f"Android {android}" if android else value("os", "os", _text, "no /etc/os-release") or state["kernel"],
    }
    for name, reason in (("cpu", "/proc/cpuinfo does not tell"), ("cores", "/proc/cpuinfo does not tell")):
        if record[name] is None:
            reasons[name] = reason
    reasons.pop("android", None)
    record["int8_saturates"] = _int8_saturates(record["arch"], said)
    return DeviceRecord(kind=kind, emulated=emulated, **record, state=DeviceState(**state, reasons=reasons))


def _ending(done: Finished) -> str:
    return "passed its deadline" if done.timed_out else f"ended with {process.signal_name(done.returncode)}"


def _lines(output: bytes) -> dict[str, list[str]]:
    """Key → its values in order, printable and bounded."""
    said: dict[str, list[str]] = {}
    for line in output[:OUTPUT_LIMIT_BYTES].decode("utf-8", "replace").splitlines():
        key, equals, text = line.partition("=")
        if equals and re.fullmatch(r"[a-z_]{1,20}", key) and len(said.setdefault(key, [])) < LIST_LIMIT:
            said[key].append("".join(c if c.isprintable() else " " for c in text[:8192]).strip())
    return said


def _text(text: str) -> str | None:
    return text.strip("\"' ")[:TEXT_LIMIT] or None


def _word(text: str) -> str | None:
    return text if re.fullmatch(r"[\w.+-]{1,40}", text, re.ASCII) else None


def _count(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,15}", text) else None


def _load(text: str) -> float | None:
    found = re.match(r"([0-9]{1,6}\.[0-9]{1,4})( |$)", text)
    return float(found[1]) if found else None


def _kib(text: str) -> int | None:
    """`MemTotal:  3884364 kB` in bytes."""
    found = re.fullmatch(r"\w+:\s+([0-9]{1,15}) kB", text)
    return int(found[1]) * 1024 if found else None


def _free(text: str) -> int | None:
    """The fourth column of a `df -Pk` line, in bytes."""
    found = re.match(r".*?\s[0-9]+\s+[0-9]+\s+([0-9]{1,15})\s+[0-9]+%\s", text)
    return int(found[1]) * 1024 if found else None


def _version(text: str) -> str | None:
    found = re.fullmatch(r"Python ([0-9]+\.[0-9]+\.[\w.+]{1,20})", text)
    return found[1] if found else None


def _offset(text: str, now: float) -> int | None:
    """Seconds the device's clock is ahead of the host's, to the second and the round trip."""
    return None if (clock := _count(text)) is None else round(clock - now)


def _throttled(text: str) -> list[str] | None:
    found = re.fullmatch(r"throttled=0x([0-9a-fA-F]{1,8})", text)
    if found is None:
        return None
    return list(words(int(found[1], 16)))


def _battery(text: str) -> Battery | None:
    found = re.fullmatch(r"([0-9]{1,3})(?: ([\w ]{1,20}))?", text, re.ASCII)
    return Battery(percent=int(found[1]), status=found[2]) if found else None


def _temperatures(said: Mapping[str, list[str]]) -> dict[str, float]:
    """Zone → °C. The kernel gives thousandths of a degree; what no chip can be at is left out."""
    found: dict[str, float] = {}
    for text in said.get("temperature", ()):
        parts = re.fullmatch(r"(-?[0-9]{1,7}) ([ -~]{1,40})", text)
        if parts and -60_000 <= int(parts[1]) <= 200_000:
            name = parts[2] if parts[2] not in found else f"{parts[2]} {len(found)}"
            found[name] = int(parts[1]) / 1000
    return found


def _policies(said: Mapping[str, list[str]]) -> list[FrequencyPolicy]:
    """The frequency domains (big and little cores differ), as the kernel numbers them."""
    texts = (re.fullmatch(r"(policy[0-9]{1,4}) ([0-9]{0,15}) ([0-9]{1,15})", text) for text in said.get("policy", ()))
    return [
        FrequencyPolicy(policy=part[1], frequency_khz=_count(part[2]), max_frequency_khz=int(part[3]))
        for part in texts
        if part
    ]


def _features(said: Mapping[str, list[str]]) -> list[str] | None:
    if not said.get("features"):
        return None
    words = said["features"][0].split()
    return list(dict.fromkeys(FEATURES[word] for word in words if word in FEATURES))


def _int8_saturates(arch: str | None, said: Mapping[str, list[str]]) -> bool | None:
    """Whether pairwise sums of 8-bit products saturate at 16 bits, as (V)PMADDUBSW's do; None where it is not known.

    Arm has no such instruction. A kernel that tells no flags tells nothing.
    """
    if arch is None:
        return None
    if re.fullmatch(r"aarch64|arm64|armv[5-9]\w*", arch):
        return False
    if not re.fullmatch(r"x86_64|amd64|i[3-6]86", arch) or not said.get("features"):
        return None
    flags = set(said["features"][0].split())
    return SATURATING_INT8 in flags and not flags & EXACT_INT8


def _cpu(said: Mapping[str, list[str]]) -> str | None:
    """The processor's name, else the chip's, else its part number: what /proc/cpuinfo gives differs by architecture."""
    pairs = [text.partition(":") for text in said.get("cpuinfo", ())]
    facts = {key.strip(): value.strip() for key, _, value in reversed(pairs) if value.strip()}
    if said.get("soc"):
        return _text(said["soc"][0])
    for key in ("model name", "Model", "Hardware"):
        if key in facts:
            return _text(facts[key])
    if "CPU part" in facts:
        return _text(f"CPU implementer {facts.get('CPU implementer', '?')} part {facts['CPU part']}")
    return None


def _cores(said: Mapping[str, list[str]]) -> int | None:
    """Cores online: the kernel's list ("0-3,6"), else the count of processors."""
    for text in said.get("online", ()):
        with contextlib.suppress(ValueError):
            return len(numbers(text))
    count = _count(said["processors"][0]) if said.get("processors") else None
    return count or None
