import io
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postopt.backends.json import JSON
from postopt.cli.briefs import MAX_LINE, MAX_SHOWN, BadLine, BriefLine, read_briefs
from postopt.cli.usage import UsageError
from postopt.types import Brief


def read(data, *, is_csv=False):
    if isinstance(data, str):
        data = data.encode()
    return list(read_briefs(io.BytesIO(data), is_csv=is_csv))


def reasons(data, *, is_csv=False):
    return [(line.line, line.reason) for line in read(data, is_csv=is_csv) if isinstance(line, BadLine)]


class TestJSONLines:
    def test_each_line_is_a_brief(self):
        one, two = read('{"topic": "Bread", "facts": {"price": "€5"}, "id": "b1"}\n\n{"topic": "Jam"}')
        assert one == BriefLine(
            1,
            "b1",
            Brief(topic="Bread", facts={"price": "€5"}),
            '{"topic": "Bread", "facts": {"price": "€5"}, "id": "b1"}',
        )
        assert (two.line, two.id, two.brief) == (3, "line-3", Brief(topic="Jam"))

    @pytest.mark.parametrize("data", ["", "\n", " \r\n\n"])
    def test_a_file_without_lines_has_no_briefs(self, data):
        assert read(data) == []

    def test_a_byte_order_mark_and_windows_line_ends_are_accepted(self):
        lines = read(b'\xef\xbb\xbf{"topic": "a"}\r\n{"topic": "b"}\r\n')
        assert [line.brief.topic for line in lines] == ["a", "b"]

    def test_a_line_separator_inside_a_text_does_not_end_the_line(self):
        (line,) = read('{"topic": "a\u2028b"}')
        assert line.brief.topic == "a\u2028b"

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            (b"bread", "not JSON: "),
            (b'{"topic": "a"} {"topic": "b"}', "not JSON: "),
            (b'{"topic": NaN}', "not JSON: "),
            (b'{"topic": "\\ud800"}', "not JSON: "),
            (b"[" * 100_000, "not JSON: "),
            (b'["topic"]', "not a JSON object"),
            (b"null", "not a JSON object"),
            (b'{"topic": "caf\xe9"}', "not UTF-8: byte 0xe9 at position 14"),
            (b'{"topic": "a\x00b"}', "not JSON: "),
            (b"{}", "brief.topic is None; allowed: a non-blank text"),
            (b'{"topic": ""}', "brief.topic is ''; allowed: a non-blank text"),
            (b'{"topic": "a", "tone": "loud"}', "brief.tone is 'loud'; allowed: professional, urgent"),
            (b'{"topic": "a", "colour": "red"}', "brief.colour is 'red'; allowed: one of the fields topic, "),
            (b'{"topic": "a", "facts": ["5"]}', "brief.facts is ['5']; allowed: an object"),
            (b'{"topic": "a", "max_length": "90"}', "brief.max_length is '90'; allowed: a whole number"),
            (b'{"topic": "a", "id": true}', "brief.id is True; allowed: a text"),
            (b'{"topic": "a", "id": " "}', "brief.id is ' '; allowed: a text"),
            (b'{"topic": "a", "id": "line-7"}', "brief.id is 'line-7'; allowed: any but"),
        ],
    )
    def test_a_bad_line_says_why_and_does_not_stop_the_others(self, line, reason):
        first, bad, last = read(b'{"topic": "first"}\n' + line + b'\n{"topic": "last"}\n')
        assert (first.brief.topic, last.brief.topic) == ("first", "last")
        assert bad.line == 2
        assert bad.reason.startswith(reason)

    def test_an_id_is_used_once(self):
        assert reasons('{"id": 7, "topic": "a"}\n{"id": "7", "topic": "b"}') == [
            (2, "brief.id is '7'; allowed: an id that no earlier line has")
        ]

    def test_ids_that_look_alike_are_different(self):
        ids = ["7", "7\0", "07", "７", "a", "A", "á", "a\u0301"]
        assert reasons("\n".join(json.dumps({"id": id_, "topic": "a"}) for id_ in ids)) == []

    def test_a_line_that_names_itself_is_fine(self):
        assert reasons('{"id": "line-1", "topic": "a"}') == []

    def test_of_an_endless_line_only_the_beginning_is_kept(self):
        long = b'{"topic": "' + b"x" * (2 * MAX_LINE) + b'"}\n'
        bad, good = read(long + b'{"topic": "next"}')
        assert (bad.line, good.line) == (1, 2)
        assert bad.reason == f"the line is too long: at most {MAX_LINE} bytes are allowed"
        assert bad.input == long[:MAX_SHOWN].decode()

    def test_the_longest_allowed_line_is_read(self):
        line = b'{"topic": "a"}'
        assert reasons(line + b" " * (MAX_LINE - len(line) - 1) + b"\n") == []

    def test_lines_are_read_only_as_they_are_asked_for(self):
        class Endless(io.BytesIO):
            asked = 0

            def readline(self, limit):
                self.asked += 1
                return b'{"topic": "a"}\n'

        file = Endless()
        assert len(list(itertools.islice(read_briefs(file, is_csv=False), 5))) == 5
        assert file.asked == 5


class TestCSV:
    def test_columns_are_the_fields_of_a_brief(self):
        (line,) = read(
            "id,topic,tone,keywords,forbidden,facts,fact:when,max_length,priority,budget,call_to_action,brand\n"
            '7,"Bread, and\nbutter",urgent,a b|c,free;cheap,"{""price"": ""€5""}",Sunday ,90,0,1.5,,\n',
            is_csv=True,
        )
        assert line.id == "7"
        assert line.line == 2
        assert line.brief == Brief(
            topic="Bread, and\nbutter",
            tone="urgent",
            keywords=["a b", "c"],
            forbidden=["free", "cheap"],
            facts={"price": "€5", "when": "Sunday "},
            max_length=90,
            priority=0,
            budget=1.5,
        )

    def test_line_numbers_count_physical_lines(self):
        lines = read('topic\n"a\nb"\n\nc\n', is_csv=True)
        assert [(line.line, line.id, line.brief.topic) for line in lines] == [
            (2, "line-2", "a\nb"),
            (5, "line-5", "c"),
        ]

    def test_a_byte_order_mark_semicolons_and_windows_line_ends_are_accepted(self):
        (line,) = read(b"\xef\xbb\xbftopic;tone;keywords\r\nPan;urgent;a|b\r\n", is_csv=True)
        assert line.brief == Brief(topic="Pan", tone="urgent", keywords=["a", "b"])

    def test_rows_of_empty_cells_are_passed_over(self):
        assert read("topic,tone\n,\n , \n", is_csv=True) == []

    @pytest.mark.parametrize(
        ("row", "reason"),
        [
            (b"a,urgent", "not a usable CSV record: it has 2 cells where the header has 3"),
            (b"a,urgent,,", "not a usable CSV record: it has 4 cells where the header has 3"),
            (b'"a" b,urgent,', "not a usable CSV record: ',' expected"),
            (b"a,urgent,5", "not a usable CSV record: its facts are not a JSON object"),
            (b"a,urgent,{", "not a usable CSV record: its facts are not JSON: "),
            (b"caf\xe9,urgent,", "not UTF-8: byte 0xe9"),
            (b"a,loud,", "brief.tone is 'loud'"),
            (b",urgent,", "brief.topic is None"),
            (b"x" * 140_000 + b",urgent,", "not a usable CSV record: field larger than field limit"),
            (b"x," * MAX_LINE, "not a usable CSV record: it is too long"),
        ],
    )
    def test_a_bad_row_says_why_and_does_not_stop_the_others(self, row, reason):
        first, bad, last = read(b"topic,tone,facts\nfirst,,\n" + row + b"\nlast,,\n", is_csv=True)
        assert (first.brief.topic, last.brief.topic) == ("first", "last")
        assert bad.line == 3
        assert bad.reason.startswith(reason)

    def test_a_record_without_end_is_cut_off(self):
        lines = read("topic\n" + '"a\n' + "b,\n" * (MAX_LINE // 3), is_csv=True)
        assert isinstance(lines[0], BadLine)
        assert lines[0].line == 2
        assert len(lines[0].input) <= MAX_SHOWN

    def test_a_quote_that_is_never_closed(self):
        (bad,) = read('topic\n"a\nb\n', is_csv=True)
        assert (bad.line, bad.input) == (2, '"a\nb')

    @pytest.mark.parametrize(
        ("field", "cell", "allowed"),
        [
            ("max_length", "many", "a whole number from 1"),
            ("max_length", "9" * 30, "a whole number from 1"),
            ("priority", "1.5", "a whole number from 0 to 7"),
            ("budget", "cheap", "US dollars"),
        ],
    )
    def test_a_cell_that_is_no_number_is_named(self, field, cell, allowed):
        ((_, reason),) = reasons(f"topic,{field}\na,{cell}\n", is_csv=True)
        assert reason.startswith(f"brief.{field} is '{cell}'; allowed: {allowed}")

    @pytest.mark.parametrize(
        ("header", "message"),
        [
            ("", "no column topic; allowed: id, topic, audience, "),
            ("tone", "no column topic"),
            ("topic,colour", "a column 'colour'; allowed: id, topic, "),
            ("topic,fact:", "a column 'fact:'; allowed: "),
            ("topic,topic", "two columns of the same name"),
            ('"topic', "no header"),
            (b"topic,caf\xe9", "not UTF-8: byte 0xe9 at position 9; spreadsheets can save it as UTF-8"),
            ("topic".encode("utf-16"), "spreadsheets can save it as UTF-8"),
            ("topic," * MAX_LINE, "no header: it is too long"),
        ],
    )
    def test_a_header_that_cannot_be_used_is_refused(self, header, message):
        with pytest.raises(UsageError, match=message):
            read(header if header == "" else header + (b"\n" if isinstance(header, bytes) else "\n"), is_csv=True)


FIELDS = st.sampled_from(["topic", "tone", "facts", "keywords", "max_length", "id", "budget", "language", "x"])
SCALARS = st.none() | st.booleans() | st.integers(-9, 2**63) | st.floats() | st.text(max_size=5) | st.just("urgent")
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.text(max_size=3), SCALARS, max_size=3)


class TestGarbage:
    """Whatever comes in, each line ends as a brief or as a reason that can be written as JSON."""

    @given(st.binary(max_size=200))
    def test_any_bytes(self, data):
        for line in read(data):
            assert isinstance(line, BriefLine | BadLine)
            if isinstance(line, BadLine):
                JSON.dumps([line.reason, line.input])

    @given(st.lists(st.binary(max_size=30) | st.sampled_from([b'"', b",", b"\n", b"\r", b"a,b", b"\x00"]), max_size=20))
    def test_any_rows(self, parts):
        for line in read(b"topic,tone\n" + b"".join(parts), is_csv=True):
            if isinstance(line, BadLine):
                JSON.dumps([line.reason, line.input])

    @given(st.binary(max_size=60))
    def test_any_header(self, data):
        try:
            read(data + b"\na,b\n", is_csv=True)
        except UsageError as error:
            JSON.dumps(str(error))

    @given(st.dictionaries(FIELDS, VALUES, max_size=4))
    def test_any_object(self, data):
        (found,) = read(JSON.dumps({"topic": "bread", **data}))
        if isinstance(found, BadLine):
            assert "; allowed: " in found.reason
