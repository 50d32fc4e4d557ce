"""Dialogues from files and from memory: what is read, what is refused and where, and how they are split."""

import gzip
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ostinato import OstinatoError
from ostinato.data import Dialogues
from ostinato.data.dialogues import Dialogue, Example
from ostinato.demos.data import music_shop

HELLO = ("Hello.", "Hi, how are you?", "Fine.")


def written(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def turns_of(source):
    return [dialogue.turns for dialogue in Dialogues.of(source)]


def line(turns, **others):
    return json.dumps({"turns": list(turns), **others}) + "\n"


def error_of(source):
    with pytest.raises(OstinatoError) as caught:
        Dialogues.of(source)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_json_lines_hold_turns_and_maybe_a_topic(tmp_path):
    path = written(tmp_path, "talk.jsonl", line(HELLO, topic="greetings") + "\n" + line(["a", "b"], id=7))
    assert list(Dialogues.of(path)) == [Dialogue(HELLO, None, "greetings"), Dialogue(("a", "b"))]


def test_a_compressed_file_reads_alike(tmp_path):
    content = line(HELLO) + line(["Zürich?", "Ja."])
    plain = written(tmp_path, "talk.jsonl", content)
    packed = written(tmp_path, "talk.jsonl.gz", gzip.compress(content.encode(), mtime=0))
    assert turns_of(plain) == turns_of(packed)


def test_neighbouring_turns_of_a_speaker_are_one(tmp_path):
    spoken = [{"speaker": who, "text": text} for who, text in (("A", "Hello."), ("A", "It is me."), ("B", "Who?"))]
    (dialogue,) = Dialogues.of(written(tmp_path, "talk.jsonl", line(spoken)))
    assert dialogue == Dialogue(("Hello. It is me.", "Who?"), ("A", "B"))
    (again,) = Dialogues.of([dialogue.to_json()])
    assert again == dialogue


def test_two_columns_are_what_was_said_and_the_reply(tmp_path):
    path = written(tmp_path, "pairs.tsv", "said\treply\nHello.\tHi!\n\nBye.\tSee you.\n")
    assert turns_of(path) == [("Hello.", "Hi!"), ("Bye.", "See you.")]


def test_without_tabs_a_line_is_a_turn_and_a_blank_line_parts_dialogues(tmp_path):
    path = written(tmp_path, "talk.txt", "\n\nHello.\nHi!\n \nBye.\nSee you.\nOr not.\n\n\n")
    assert turns_of(path) == [("Hello.", "Hi!"), ("Bye.", "See you.", "Or not.")]


def test_line_ends_of_any_kind_read_alike(tmp_path):
    mixed = written(tmp_path, "mixed.txt", "\ufeffHello.\r\nHi!\r\n\r\nBye.\rSee you.\n")
    assert turns_of(mixed) == [("Hello.", "Hi!"), ("Bye.", "See you.")]


def test_a_single_line_is_a_dialogue_to_reply_to_and_holds_nothing_to_learn(tmp_path):
    dialogues = Dialogues.of(written(tmp_path, "one.txt", "Is anybody there?"))
    assert [dialogue.turns for dialogue in dialogues] == [("Is anybody there?",)]
    assert dialogues.examples(3) == []


def test_a_huge_line_is_one_turn(tmp_path):
    path = written(tmp_path, "huge.txt", "word " * 2_000_000 + "\nYes.\n")
    ((said, reply),) = turns_of(path)
    assert (len(said), reply) == (5 * 2_000_000 - 1, "Yes.")


def test_the_files_of_a_folder_are_read_one_by_one(tmp_path):
    written(tmp_path, "a.txt", "Hello.\nHi!")
    written(tmp_path, "b.jsonl", line(["Bye.", "See you."]))
    assert turns_of(tmp_path) == [("Hello.", "Hi!"), ("Bye.", "See you.")]


def test_runs_of_white_space_are_one_space():
    assert turns_of([[" Hello,\n\tyou  there. ", "Hi"]]) == [("Hello, you there.", "Hi")]


@pytest.mark.parametrize(
    ("name", "content", "where", "what"),
    [
        ("talk.jsonl", line(HELLO) + "{oops\n", ", line 2: ", "not JSON"),
        ("talk.jsonl", "[" * 100_000 + "\n", ", line 1: ", "not JSON"),
        ("talk.jsonl", line(HELLO) + "\n[1]\n", ", line 3: ", "no turns"),
        ("talk.jsonl", '{"text": "Hello."}\n', ", line 1: ", "no turns"),
        ("talk.jsonl", line([]), ", line 1: ", "no turns"),
        ("talk.jsonl", line(["Hello.", 7]), ", line 1, turn 2: ", "7 where a text should be"),
        ("talk.jsonl", line(["Hello.", " "]), ", line 1, turn 2: ", "nothing is said"),
        ("talk.jsonl", line(["Hello.", "\ud800"]), ", line 1, turn 2: ", "surrogate"),
        ("talk.jsonl", line(["Hello.", "a\0b"]), ", line 1, turn 2: ", "NUL"),
        ("talk.jsonl", line(HELLO, topic=3), ", line 1: ", "topic"),
        ("talk.jsonl", line(["a", {"speaker": "A", "text": "b"}]), ", line 1: ", "name all, or none"),
        ("talk.jsonl", line([{"text": "b"}]), ", line 1, turn 1: ", '"speaker"'),
        ("talk.jsonl.gz", gzip.compress(line(HELLO).encode(), mtime=0)[:-9], ": ", "not a whole gzip file"),
        ("talk.jsonl.gz", line(HELLO), ": ", "not a whole gzip file"),
        ("talk.jsonl.gz", gzip.compress(b"{}\n\xff\n", mtime=0), ", line 2: ", "byte 0xFF"),
        ("pairs.tsv", "Hello.\tHi!\nBye.\n", ", line 2: ", "1 columns"),
        ("pairs.tsv", "Hello.\tHi!\nBye.\tBye.\tBye.\n", ", line 2: ", "3 columns"),
        ("pairs.tsv", "Hello.\tHi!\nBye.\t\n", ", line 2, column 2: ", "nothing is said"),
        ("talk.txt", "Hello.\nHi!\t\n", ", line 2: ", "a tab"),
        ("talk.txt", b"Hello.\nGr\xfc\xdfe\n", ", line 2: ", "byte 0xFC is not UTF-8"),
        ("talk.txt", "Hello.\n".encode("utf-16"), ", line 1: ", "UTF-16"),
        ("talk.txt", b"Hello.\n\0\n", ", line 2: ", "NUL"),
        ("talk.txt", "", ": ", "no dialogue"),
        ("talk.jsonl", "\n \n", ": ", "no dialogue"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_line(tmp_path, name, content, where, what):
    path = written(tmp_path, name, content)
    message = error_of(path)
    assert message.startswith(f"{path}{where}")
    assert what in message


def test_a_missing_file_and_foreign_objects_are_refused(tmp_path):
    assert "no such file" in error_of(tmp_path / "none.jsonl")
    assert "list of lists" in error_of(7)
    assert error_of(["Hello."]).startswith("dialogue 1: no turns")
    assert error_of([["Hello.", None]]).startswith("dialogue 1, turn 2: ")
    assert "no dialogue" in error_of([])


def read_or_refused(path):
    """What was read, or what was said instead."""
    try:
        return Dialogues.of(path), ""
    except OstinatoError as error:
        return (), str(error)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=80), name=st.sampled_from(["t.jsonl", "t.jsonl.gz", "t.tsv", "t.txt", "t.txt.gz"]))
def test_any_bytes_give_dialogues_or_one_clear_error(tmp_path, content, name):
    path = written(tmp_path, name, content)
    dialogues, message = read_or_refused(path)
    assert dialogues or message.startswith(str(path))
    assert all(turn.strip() == turn != "" for dialogue in dialogues for turn in dialogue.turns)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 200), byte=st.integers(0, 255))
def test_a_changed_byte_of_a_good_file_never_breaks_the_reader(tmp_path, place, byte):
    content = bytearray((line(HELLO, topic="x") * 3).encode())
    content[place % len(content)] = byte
    path = written(tmp_path, "talk.jsonl", bytes(content))
    dialogues, message = read_or_refused(path)
    assert len(dialogues) in (3, 4) or message.startswith(f"{path}, line ")


DIALOGUES = st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=4), min_size=2, max_size=40)


@settings(max_examples=100, deadline=None)
@given(DIALOGUES, st.floats(0.01, 0.99), st.integers(0, 9))
def test_a_dialogue_and_its_copies_are_in_one_part(turns, share, seed):
    dialogues = Dialogues.of(turns)
    if len(set(map(tuple, turns))) < 2:
        with pytest.raises(OstinatoError, match="cannot be split"):
            dialogues.split(share, seed)
        return
    first, second = dialogues.split(share, seed)
    assert len(first) + len(second) == len(turns)
    assert {dialogue.turns for dialogue in first}.isdisjoint(dialogue.turns for dialogue in second)
    assert len(first)
    assert len(second)
    assert dialogues.split(share, seed) == (first, second)


def test_a_part_has_about_its_share_and_shares_out_of_range_are_refused():
    dialogues = Dialogues.of([[str(number), "yes"] for number in range(100)])
    assert [len(part) for part in dialogues.split(0.2, 3)] == [80, 20]
    for share in (0.0, 1.0, -1.0):
        with pytest.raises(OstinatoError, match="share"):
            dialogues.split(share)


def test_examples_are_the_last_turns_and_the_reply():
    dialogues = Dialogues.of([["a", "b", "c", "d"], ["e", "f"]])
    assert dialogues.examples(2) == [
        Example(("a",), "b"),
        Example(("a", "b"), "c"),
        Example(("b", "c"), "d"),
        Example(("e",), "f"),
    ]


def test_examples_of_one_speaker_are_their_replies_alone():
    shop = music_shop(50)
    replies = shop.examples(3, "shop")
    assert replies
    assert len(replies) + len(shop.examples(3, "guest")) == len(shop.examples(3))
    assert not {example.reply for example in replies} & {example.reply for example in shop.examples(3, "guest")}
    with pytest.raises(OstinatoError, match="no reply by a speaker 'boss'; there are guest, shop"):
        shop.examples(3, "boss")
    with pytest.raises(OstinatoError, match="its turns name no speakers"):
        Dialogues.of([["a", "b"]]).examples(1, "boss")


def test_dialogues_are_chosen_by_topic():
    dialogues = Dialogues.of([{"turns": ["a", "b"], "topic": "tea"}, {"turns": ["c", "d"], "topic": "rain"}])
    assert [dialogue.turns for dialogue in dialogues.about(["rain"])] == [("c", "d")]
    with pytest.raises(OstinatoError, match="no dialogue about sun; their topics are rain, tea"):
        dialogues.about(["sun"])
    with pytest.raises(OstinatoError, match="they have no topics"):
        Dialogues.of([["a", "b"]]).about(["sun"])


def test_the_music_shop_is_the_same_each_time_and_the_shop_has_every_second_turn():
    assert music_shop(40, 1) == music_shop(40, 1) != music_shop(40, 2)
    assert all(dialogue.speakers == ("guest", "shop") * (len(dialogue.turns) // 2) for dialogue in music_shop(40))
