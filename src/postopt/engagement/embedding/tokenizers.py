"""Texts as the numbers that a local model reads."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from postopt._optional import needs
from postopt.errors import ModelFileError

with needs("tokenizers"):
    import tokenizers


class Tokenizer:
    """The tokenizer that lies beside a model, as `tokenizer.json`. It may be used by any number of threads.

    Args:
        folder: of the model.
        most_tokens: of a text; what comes after them is not read.

    Raises:
        ModelFileError: there is no tokenizer, or it cannot be read.
    """

    def __init__(self, folder: Path, most_tokens: int) -> None:
        path = folder / "tokenizer.json"
        try:
            self._tokenizer = tokenizers.Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises plain Exception for all that can be wrong with a file
            raise ModelFileError(
                f"{path} cannot be read: {error}", hint="save the model's fast tokenizer there"
            ) from error
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(most_tokens)

    def read(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the tokens of each text; what UTF-8 cannot say counts as "?"."""
        sayable = [text.encode("utf-8", "replace").decode() for text in texts]
        return [found.ids for found in self._tokenizer.encode_batch(sayable)]
