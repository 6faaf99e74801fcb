from __future__ import annotations

import csv
import gzip
import json
import lzma
from datetime import UTC, datetime, timedelta

import pytest

from postopt.engagement.postfile import read_post_file
from postopt.errors import PostDataError

HEADER = "id,text,page,published,outcome\n"
ROW = '1,"Fresh bread, today\nat 7",bakery,2026-05-01T07:00:00+02:00,12\n'


def write(folder, name, text):
    path = folder / name
    data = text if isinstance(text, bytes) else text.encode()
    path.write_bytes({".gz": gzip.compress, ".xz": lzma.compress}.get(path.suffix, bytes)(data))
    return path


class TestCSV:
    @pytest.mark.parametrize("name", ["posts.csv", "posts.csv.gz", "posts.csv.xz"])
    def test_plain_or_compressed_it_gives_the_same_posts(self, tmp_path, name):
        (post,) = read_post_file(write(tmp_path, name, HEADER + ROW))
        assert post["id"] == "1"
        assert post["text"] == "Fresh bread, today\nat 7"
        assert post["page"] == "bakery"
        assert post["published"] == datetime(2026, 5, 1, 5, tzinfo=UTC)
        assert post["outcome"] == 12

    def test_a_byte_order_mark_is_no_part_of_the_first_column(self, tmp_path):
        (post,) = read_post_file(write(tmp_path, "posts.csv", "\ufeff" + HEADER + ROW))
        assert post["id"] == "1"

    def test_columns_of_other_names_and_an_outcome_of_several(self, tmp_path):
        path = write(tmp_path, "posts.csv", "message,lang,likes,shares\nBread,en,3,4\n")
        (post,) = read_post_file(path, columns={"text": "message", "language": "lang"}, outcome="likes + shares")
        assert post == {"id": "line-2", "text": "Bread", "language": "en", "outcome": 7}

    def test_stamps_without_a_zone_get_the_one_that_is_named(self, tmp_path):
        path = write(tmp_path, "posts.csv", "text,published\nBread,2016-02-24 00:00:00\n")
        (post,) = read_post_file(path, zone="America/New_York")
        assert post["published"].utcoffset() == timedelta(hours=-5)
        assert post["published"].hour == 0

    def test_an_empty_stamp_is_unknown(self, tmp_path):
        (post,) = read_post_file(write(tmp_path, "posts.csv", "text,published\nBread,\n"))
        assert post["published"] is None

    def test_ten_megabytes_of_text_are_read(self, tmp_path):
        before = csv.field_size_limit()
        (post,) = read_post_file(write(tmp_path, "posts.csv", "text\n" + "a" * 10_000_000 + "\n"))
        assert len(post["text"]) == 10_000_000
        assert csv.field_size_limit() == before

    def test_rows_are_read_one_by_one(self, tmp_path):
        posts = read_post_file(write(tmp_path, "posts.csv", HEADER + ROW + "2,x\n"))
        assert next(posts)["id"] == "1"
        with pytest.raises(PostDataError, match="line 4: not as many fields"):
            next(posts)

    @pytest.mark.parametrize("mark", [",", ";", "\t"])
    def test_cells_are_separated_by_what_the_header_has_most_of(self, tmp_path, mark):
        lines = ("id", '"note, or; two"', "text", "page"), ("1", "x", '"Bread, cake; and\ttea"', "bakery")
        path = write(tmp_path, "posts.csv", "".join(mark.join(line) + "\n" for line in lines))
        (post,) = read_post_file(path)
        assert post == {"id": "1", "text": "Bread, cake; and\ttea", "page": "bakery"}

    @pytest.mark.parametrize("name", ["posts.CSV", "posts.Csv.GZ", "posts.tsv"])
    def test_names_may_end_in_capitals(self, tmp_path, name):
        data = gzip.compress(b"text\nBread\n") if name.endswith("GZ") else b"text\nBread\n"
        (post,) = read_post_file(write(tmp_path, name, data))
        assert post["text"] == "Bread"

    def test_headings_may_differ_in_case_and_blanks(self, tmp_path):
        path = write(tmp_path, "posts.csv", "ID, Text ,Message,Likes\n7,Bread,Cake,3\n")
        (post,) = read_post_file(path, outcome="likes")
        assert post == {"id": "7", "text": "Bread", "outcome": 3}
        (post,) = read_post_file(path, columns={"text": "message"})
        assert post["text"] == "Cake"

    def test_a_heading_that_is_exact_goes_before_one_that_is_alike(self, tmp_path):
        (post,) = read_post_file(write(tmp_path, "posts.csv", "Text,text\nCake,Bread\n"))
        assert post["text"] == "Bread"


class TestFaults:
    def test_a_malformed_row_is_told_and_left_out(self, tmp_path):
        rows = ['{"text": "a"}', "{", '{"text": 5}', "{}", '{"text": "b"}']
        told = []
        path = write(tmp_path, "posts.jsonl", "\n".join(rows))
        posts = list(read_post_file(path, on_fault=lambda name, error: told.append((name, str(error)))))
        assert [post["id"] for post in posts] == ["line-1", "line-5"]
        assert [name for name, _ in told] == ["line-2", "line-3", "line-4"]
        assert all(f"posts.jsonl, {name.replace('-', ' ')}" in error for name, error in told)

    def test_a_row_of_too_few_cells_is_told(self, tmp_path):
        told = []
        path = write(tmp_path, "posts.csv", "text,page\na,b\nc\nd,e\n")
        posts = list(read_post_file(path, on_fault=lambda name, _: told.append(name)))
        assert ([post["text"] for post in posts], told) == (["a", "d"], ["line-3"])

    @pytest.mark.parametrize(
        ("name", "text"), [("a.csv", b"page\nx\ny\n"), ("a.csv", b"text\n\xff\n"), ("a.csv", b'text\n"a')]
    )
    def test_what_is_wrong_with_all_of_a_file_ends_it(self, tmp_path, name, text):
        with pytest.raises(PostDataError):
            list(read_post_file(write(tmp_path, name, text), on_fault=lambda *_: None))


class TestJSONLines:
    def test_each_line_is_a_post_and_blank_lines_are_none(self, tmp_path):
        rows = [{"id": 7, "text": "Bread", "published": "2026-05-01T07:00:00Z", "outcome": 3}, {"text": "Cake"}]
        path = write(tmp_path, "posts.jsonl", "\n\n".join(map(json.dumps, rows)))
        first, second = read_post_file(path)
        assert first == {
            "id": 7, "text": "Bread", "published": datetime(2026, 5, 1, 7, tzinfo=UTC), "outcome": 3,
        }  # fmt: skip
        assert second == {"id": "line-3", "text": "Cake"}

    @pytest.mark.parametrize("line", ["{", "[1]", "3", "[" * 100_000])
    def test_what_is_no_object_is_refused_by_its_line(self, tmp_path, line):
        with pytest.raises(PostDataError, match=r"posts\.jsonl, line 1"):
            list(read_post_file(write(tmp_path, "posts.jsonl", line)))


class TestRefusals:
    @pytest.mark.parametrize(
        ("text", "options", "message"),
        [
            (HEADER, {"columns": {"txt": "a"}}, "columns names 'txt'; a post has id, text"),
            ("a\n1\n", {}, "no column 'text'; there are a"),
            (HEADER + ROW, {"columns": {"title": "headline"}}, "no column 'headline'"),
            (HEADER + ROW, {"outcome": "likes"}, "no column 'likes'"),
            (HEADER + ROW, {"zone": "Nowhere/None"}, "zone is 'Nowhere/None'"),
            (HEADER + ROW, {"zone": "../etc"}, "zone is"),
            (HEADER + ROW.replace("+02:00", ""), {}, "column published: '2026-05-01T07:00:00' has no zone"),
            (HEADER + ROW.replace("2026-05-01T07:00:00+02:00", "May"), {}, "column published: 'May'; a time such as"),
            (HEADER + ROW.replace(",12", ",many"), {}, "column outcome: 'many'; a count is needed"),
            (HEADER + ROW.replace(",12", ",nan"), {}, "column outcome: 'nan'; a count is needed"),
            (HEADER + ROW.replace(",12", ",1_000"), {}, "line 3, column outcome: '1_000'; a count is needed"),
            (HEADER + ROW.replace(",12", ',"1,000"'), {}, "line 3, column outcome: '1,000'; a count is needed"),
            ("text,outcome,text\na,1,b\n", {}, r"posts\.csv, line 1: two columns are called 'text'"),
            ("text,likes,likes\n", {"outcome": "likes"}, r"posts\.csv, line 1: two columns are called 'likes'"),
            (b"text\n\xff\xfe\n", {}, r"posts\.csv cannot be read: it is not UTF-8 \(line 2\)"),
            ("text\nBread\n".encode("utf-16"), {}, r"it is not UTF-8 \(line 1\)"),
            (HEADER + ROW.replace(",12", ",1.234"), {}, "line 3, column outcome: '1.234'; a count is needed"),
            (HEADER + ROW.replace(",12", ",-1"), {}, "line 3, column outcome: '-1'; a count is needed"),
            (
                HEADER + ROW.replace(",12", ","),
                {"needed": ["outcome"]},
                "line 3, column outcome: ''; a count is needed",
            ),
            ("text\na\n", {"needed": ["published"]}, "line 2: no column 'published'; there are text"),
            ("text,published\na,\n", {"needed": ["published"]}, "line 2, column published: there is nothing; a time"),
            ("Text,TEXT\na,b\n", {}, "line 2: no column 'text'; there are Text, TEXT"),
            ('text\n"open', {}, "cannot be read"),
        ],
    )
    def test_what_cannot_be_read_says_where(self, tmp_path, text, options, message):
        with pytest.raises(PostDataError, match=message):
            list(read_post_file(write(tmp_path, "posts.csv", text), **options))

    @pytest.mark.parametrize("name", ["none.csv", "none.jsonl.gz"])
    def test_a_file_that_is_not_there(self, tmp_path, name):
        with pytest.raises(PostDataError, match="cannot be read"):
            list(read_post_file(tmp_path / name))

    @pytest.mark.parametrize(
        ("field", "value", "needed"),
        [
            ("text", 5, "a text is needed"), ("text", None, "a text is needed"), ("text", ["a"], "a text is needed"),
            ("title", 5, "a text or null is needed"), ("page", {}, "a text or null is needed"),
            ("type", True, "a text or null is needed"), ("language", 1.5, "a text or null is needed"),
            ("id", 1.5, "a text or a whole number is needed"), ("id", True, "a text or a whole number is needed"),
            ("published", 5, "a time such as"), ("outcome", None, "a count is needed"),
            ("outcome", True, "a count is needed"),
        ],
    )  # fmt: skip
    def test_a_value_of_another_type_says_line_and_column(self, tmp_path, field, value, needed):
        lines = [{"text": "Bread"}, {"text": "Cake"} | {field: value}]
        path = write(tmp_path, "posts.jsonl", "\n".join(map(json.dumps, lines)))
        with pytest.raises(PostDataError, match=rf"posts\.jsonl, line 2, column {field}: .*{needed}"):
            list(read_post_file(path))

    def test_columns_that_nobody_reads_may_have_one_name(self, tmp_path):
        (post,) = read_post_file(write(tmp_path, "posts.csv", "text,,\nBread,x,y\n"))
        assert post == {"id": "line-2", "text": "Bread"}

    @pytest.mark.parametrize("path", [None, 5, b"posts.csv", ["posts.csv"], "a\0b", "\ud800"])
    def test_what_is_no_path(self, path):
        with pytest.raises(ValueError, match=r"path is .*; a path is needed"):
            read_post_file(path)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"columns": 5}, "columns is 5; a mapping"), ({"columns": [("text", "a")]}, "columns is .*; a mapping"),
            ({"columns": {"text": 5}}, "columns names 5 for text; the name of a column is needed"),
            ({"columns": {5: "text"}}, "columns names 5; a post has"),
            ({"outcome": 5}, "outcome is 5; the name of a column"), ({"outcome": ["a"]}, "outcome is .*; the name"),
            ({"zone": 5}, "zone is 5; a name such as"), ({"zone": ["UTC"]}, "zone is .*; a name such as"),
            ({"zone": ""}, "zone is ''; a name such as"),
            ({"needed": ["when"]}, "needed names 'when'; a post has id"),
            ({"on_fault": 5}, "on_fault is 5; a function"),
        ],
    )  # fmt: skip
    def test_options_of_another_type_are_refused_at_once(self, options, message):
        with pytest.raises(PostDataError, match=message):
            read_post_file("posts.csv", **options)

    def test_a_truncated_archive(self, tmp_path):
        path = write(tmp_path, "posts.csv.gz", HEADER + ROW)
        path.write_bytes(path.read_bytes()[:-9])
        with pytest.raises(PostDataError, match="cannot be read"):
            list(read_post_file(path))

    def test_a_count_too_large_for_a_float(self, tmp_path):
        with pytest.raises(PostDataError, match="a count is needed"):
            list(read_post_file(write(tmp_path, "posts.jsonl", '{"text": "a", "outcome": 1' + "0" * 400 + "}")))
