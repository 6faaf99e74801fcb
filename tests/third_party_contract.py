"""An import-linter contract: which module may import which third-party library.

import-linter's own "forbidden" contract needs every library by name, so a library nobody thought of would
pass. This one is exhaustive both ways: an import that is not in the table breaks it, and so does a row of
the table that no import uses.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from importlinter import Contract, ContractCheck, fields, output

if TYPE_CHECKING:
    from grimp import ImportGraph


class ThirdPartyContract(Contract):
    """Every import of a third-party library by our code is a row of `allowed`, and every row is used."""

    allowed = fields.SetField(subfield=fields.StringField())

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Compare the imports in `graph` with the table; both are lines "importer -> library"."""
        ours = set(self.session_options["root_packages"])
        found = {
            f"{importer} -> {library}"
            for importer in graph.modules
            if importer.partition(".")[0] in ours
            for library in graph.find_modules_directly_imported_by(importer)
            if library.partition(".")[0] not in ours | sys.stdlib_module_names
        }
        table: set[str] = set(self.allowed)  # type: ignore[call-overload]  # the field's value, not the field
        metadata = {"not in the table": sorted(found - table), "no longer imported": sorted(table - found)}
        return ContractCheck(kept=found == table, metadata=metadata)

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print what is wrong, a line each."""
        problems: dict[str, Any] = check.metadata
        for problem, lines in problems.items():
            for line in lines:
                output.print_error(f"{line}: {problem}")
