"""A command line, run in this process."""

import argparse

import pytest


@pytest.fixture
def program(capsys):
    """Return what makes, of commands' modules, a function that runs a line and returns status, output and errors."""

    def program(*commands):
        parser = argparse.ArgumentParser(prog="postopt")
        subparsers = parser.add_subparsers(required=True)
        for command in commands:
            command.add_parser(subparsers)

        def run(*line):
            arguments = parser.parse_args(list(map(str, line)))
            status = arguments.func(arguments)
            captured = capsys.readouterr()
            return status, captured.out, captured.err

        return run

    return program
