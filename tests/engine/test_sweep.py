"""What one look into the folders tells, on folders made for the purpose."""

from __future__ import annotations

import json
import os
import sys

import pytest

from postopt.engine.catalog import CATALOG, Candidate
from postopt.engine.sweep import sweep


def look(site, candidate):
    return sweep([candidate], [str(site.folder)])[candidate.key]


def test_the_standard_library_works_without_a_look(stdlib):
    verdict = sweep([stdlib], [])["json", "stdlib"]
    assert (verdict.state, verdict.reason) == ("working", "")
    assert verdict.version == sys.version.split()[0]


def test_what_is_not_there_is_absent(site, candidate):
    site.folder.mkdir()
    verdict = look(site, candidate())
    assert (verdict.state, verdict.reason, verdict.version) == ("absent", "not installed", "")


def test_a_whole_install_is_present_with_its_version(site, candidate):
    site.add("", version="3.11.4")
    verdict = look(site, candidate())
    assert (verdict.state, verdict.reason, verdict.version) == ("present", "", "3.11.4")


@pytest.mark.parametrize(
    "file",
    [
        "orjson.py",
        "orjson.so",
        "orjson.abi3.so",
        "orjson.cpython-311-x86_64-linux-gnu.so",
        "orjson.cp313-win_amd64.pyd",
    ],
)
def test_modules_that_are_one_file_are_found(site, candidate, file):
    site.add_metadata("orjson", "3.11.0")
    (site.folder / file).write_text("")
    assert look(site, candidate()).state == "present"


@pytest.mark.parametrize("file", ["orjson.libs", "orjson.pyi", "orjsonx.py", "orjson.txt", "xorjson.py"])
def test_other_files_of_that_name_are_not_modules(site, candidate, file):
    site.folder.mkdir()
    (site.folder / file).write_text("")
    assert look(site, candidate()).state == "absent"


@pytest.mark.parametrize(
    "folder",
    [
        "Foo_Bar-1.2.dist-info",
        "foo_bar-1.2.dist-info",
        "foo.bar-1.2.dist-info",
        "Foo_Bar-1.2-py3.11.egg-info",
        "foo_bar-1.2.egg-info",
    ],
)
def test_distributions_are_found_however_their_name_is_spelled(site, folder):
    site.add("", name="foobar", metadata=False)
    (site.folder / folder).mkdir()
    found = look(
        site, Candidate(role="json", name="foobar", library="foobar", distribution="foo-bar", target="foobar:X")
    )
    assert (found.state, found.version) == ("present", "1.2")


def test_the_version_of_a_source_tree_stands_in_its_pkg_info(site, candidate):
    site.add("", metadata=False)
    info = site.folder / "orjson.egg-info"
    info.mkdir()
    verdict = look(site, candidate())
    assert verdict.state == "broken"
    assert "names no version" in verdict.reason
    (info / "PKG-INFO").write_text("Metadata-Version: 2.1\nVersion: 3.12\n")
    assert look(site, candidate()).version == "3.12"


def test_one_of_several_distributions_is_enough(site):
    site.add("", name="onnxruntime", metadata=False)
    site.add_metadata("onnxruntime_gpu", "1.21")
    [wanted] = [candidate for candidate in CATALOG if candidate.name == "onnxruntime"]
    assert look(site, wanted).state == "present"


@pytest.mark.parametrize(
    ("version", "state"),
    [("3.9.15", "too_old"), ("3.10", "present"), ("3.10.1+cpu", "present"), ("3.10rc1", "present"), ("4", "present")],
)
def test_versions_are_compared_as_numbers(site, candidate, version, state):
    site.add("", version=version)
    assert look(site, candidate()).state == state


def test_too_old_says_how_old_and_what_would_do(site, candidate):
    site.add("", version="3.9.15")
    assert look(site, candidate()).reason == "version 3.9.15 is older than 3.10"


def test_a_denied_version_says_why(site, candidate):
    site.add("", version="3.11.1")
    verdict = look(site, candidate(denied={"3.11.1": "decodes text as Latin-1"}))
    assert (verdict.state, verdict.reason) == ("denied", "version 3.11.1 is known to be wrong: decodes text as Latin-1")


def test_a_real_module_beats_an_empty_folder_before_it(site, candidate, tmp_path):
    (tmp_path / "first" / "orjson").mkdir(parents=True)
    site.add("")
    verdict = sweep([candidate()], [str(tmp_path / "first"), str(site.folder)])["json", "orjson"]
    assert verdict.state == "present"


def test_an_install_in_place_lies_elsewhere_on_purpose(site, candidate, tmp_path):
    source = tmp_path / "src"
    (source / "orjson").mkdir(parents=True)
    (source / "orjson" / "__init__.py").write_text("")
    info = site.add_metadata("orjson", "3.11.0")
    path = [str(site.folder), str(source)]
    assert sweep([candidate()], path)["json", "orjson"].state == "broken"
    (info / "direct_url.json").write_text(json.dumps({"url": source.as_uri(), "dir_info": {"editable": True}}))
    assert sweep([candidate()], path)["json", "orjson"].state == "present"
    assert sweep([candidate()], [str(site.folder)])["json", "orjson"].state == "present"  # found by an import hook


def test_metadata_without_a_module_is_broken(site, candidate):
    site.add_metadata("orjson", "3.11.0")
    verdict = look(site, candidate())
    assert verdict.state == "broken"
    assert "there is no module orjson on the path" in verdict.reason


class TestStamp:
    def test_it_holds_while_nothing_changes(self, site, candidate):
        site.add("")
        assert look(site, candidate()).stamp == look(site, candidate()).stamp != ""

    @pytest.mark.parametrize("file", ["__init__.py", "core.abi3.so"])
    def test_it_changes_with_the_files(self, site, candidate, file):
        package = site.add("")
        (package / "core.abi3.so").write_bytes(b"code")
        before = look(site, candidate()).stamp
        stat = (package / file).stat()
        os.utime(package / file, ns=(stat.st_atime_ns, stat.st_mtime_ns + 10**9))
        assert look(site, candidate()).stamp != before

    def test_it_changes_with_the_version(self, site, candidate):
        site.add("", version="3.11.0")
        before = look(site, candidate()).stamp
        (site.folder / "orjson-3.11.0.dist-info").rename(site.folder / "orjson-3.11.1.dist-info")
        assert look(site, candidate()).stamp != before


def test_folders_that_cannot_be_read_hold_nothing(candidate, tmp_path):
    file = tmp_path / "packages.zip"
    file.write_bytes(b"PK")
    path = [str(tmp_path / "missing"), str(file)]
    assert sweep([candidate()], path)["json", "orjson"].state == "absent"


def test_an_empty_entry_is_the_current_folder(site, candidate, monkeypatch):
    site.add("")
    monkeypatch.chdir(site.folder)
    assert sweep([candidate()], [""])["json", "orjson"].state == "present"


def test_candidates_of_one_library_share_one_verdict():
    keys = list(dict.fromkeys(candidate.key for candidate in CATALOG))
    assert list(sweep(CATALOG, [])) == keys


def test_nothing_is_imported(site, candidate):
    site.add("raise SystemExit", name="never_imported")
    wanted = candidate("never_imported")
    assert sweep([wanted], site.path)[wanted.key].state == "present"
    assert "never_imported" not in sys.modules


def test_what_an_import_skips_is_skipped(site, candidate):
    site.add("")
    path = [site.folder, str(site.folder).encode(), None, 3, "/a\0b", "/\ud800"]
    assert sweep([candidate()], path)["json", "orjson"].state == "absent"
    assert sweep([candidate()], [*path, str(site.folder)])["json", "orjson"].state == "present"
