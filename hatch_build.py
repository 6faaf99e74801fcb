"""Compile the one part that pays for it; where that fails, the package is installed without and works all the same."""

from __future__ import annotations

import os
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

EXTENSION = "postopt.caching._table"
SOURCE = "src/postopt/caching/_table.c"


class CompileTable(BuildHookInterface):
    """Adds the compiled table to a wheel.

    Not for PyPy and the like, where Python code is as quick, nor for free-threaded builds, whose locks it does not
    know; nor where the environment sets POSTOPT_PURE, which is how the tests get the Python version.
    """

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        free_threaded = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
        if os.environ.get("POSTOPT_PURE") or free_threaded or sys.implementation.name != "cpython":
            return
        editable = version == "editable"
        self._folder = tempfile.TemporaryDirectory()
        target = Path(self.root, "src") if editable else Path(self._folder.name, "lib")
        try:
            built = self._compile(target)
        except Exception as error:  # noqa: BLE001 - no compiler, no headers, ...: setuptools has a class for each
            self.app.display_warning(f"postopt is installed without its compiled table: {error}")
            return
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        if not editable:
            build_data["force_include"][str(built)] = built.relative_to(target).as_posix()

    def _compile(self, target: Path) -> Path:
        from setuptools import Distribution, Extension
        from setuptools.command.build_ext import build_ext

        source = os.path.relpath(Path(self.root, SOURCE))
        command = build_ext(Distribution({"ext_modules": [Extension(EXTENSION, [source])]}))
        command.build_lib = str(target)
        command.build_temp = str(Path(self._folder.name, "objects"))
        command.ensure_finalized()
        command.run()
        return Path(command.get_ext_fullpath(EXTENSION)).resolve()

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if hasattr(self, "_folder"):
            self._folder.cleanup()
