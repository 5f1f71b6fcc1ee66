"""junit.xml: a gate's checks as test results, one suite per run, one case per check.

The structure is that of Ant's JUnit task, which CI servers read (schema: github.com/windyroad/JUnit-Schema, JUnit.xsd).
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from edgerig.compare.gate import Check, GateResult

_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to hold (its production Char)."""


def render(found: GateResult, started: str) -> bytes:
    """UTF-8 XML. `started` is the run's start in ISO 8601. A check that takes no time takes none here."""
    inconclusive = "error" if found.rule == "fail" else "skipped"
    kinds = [_kind(check, inconclusive) for check in found.checks]
    suites = ET.Element("testsuites")
    suite = ET.SubElement(
        suites,
        "testsuite",
        name="edgerig gate",
        package="edgerig",
        id="0",
        timestamp=_timestamp(started),
        hostname="localhost",
        tests=str(len(found.checks)),
        failures=str(kinds.count("failure")),
        errors=str(kinds.count("error")),
        skipped=str(kinds.count("skipped")),
        time="0",
    )
    properties = ET.SubElement(suite, "properties")
    for name, value in (("run", found.run), ("baseline", found.base or "none"), ("outcome", found.outcome)):
        ET.SubElement(properties, "property", name=name, value=_clean(value))
    for check, kind in zip(found.checks, kinds, strict=True):
        case = ET.SubElement(suite, "testcase", name=check.name, classname=_clean(check.cell), time="0")
        if kind == "skipped":
            ET.SubElement(case, kind, message=_clean(check.message))
        elif kind:
            ET.SubElement(case, kind, message=_clean(check.message), type=check.outcome).text = _clean(check.message)
    ET.SubElement(suite, "system-out").text = _clean("\n".join(found.machines)) or None
    ET.SubElement(suite, "system-err")
    ET.indent(suites)
    return bytes(ET.tostring(suites, encoding="utf-8", xml_declaration=True)) + b"\n"


def _kind(check: Check, inconclusive: str) -> str:
    """The element a check's case holds: failure, error, skipped, or none when it passed."""
    return {"fail": "failure", "inconclusive": inconclusive, "left out": "skipped", "pass": ""}[check.outcome]


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)


def _timestamp(started: str) -> str:
    """The schema takes a time without zone or fraction."""
    found = re.match(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}", started)
    return found.group() if found else "1970-01-01T00:00:00"
