"""Puts the shipped models and devices into a wheel; an editable install uses the checkout's own folders."""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CustomBuildHook(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "editable":
            for folder in ("models", "devices"):
                build_data["force_include"][folder] = f"edgerig/shipped/{folder}"
