"""`ostinato chat`: through a pipe, and at a terminal."""

import io
import os
import pty
import select
import signal
import subprocess
import sys
import time

import pytest
from command import error_of, run

from ostinato import Chatbot

SAID = "I have nothing sensible to say to that."


@pytest.fixture(scope="module")
def bot(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "bot"
    dialogues = [["Hello.", "Hi, who are you?", f"I am number {number}."] for number in range(20)]
    Chatbot(hidden_size=4, embedding_size=4, tokenizer="word", epochs=1).fit(dialogues).save(folder)
    return folder


def piped(monkeypatch, text, *arguments):
    stream = io.TextIOWrapper(io.BytesIO(text if isinstance(text, bytes) else text.encode()), "utf-8")
    monkeypatch.setattr(sys, "stdin", stream)
    return run("chat", *arguments)


def lines_of(ended):
    assert (ended.code, ended.err) == (0, "")
    _, _, talk = ended.out.partition("\n\n")
    return talk.splitlines()


def test_lines_from_a_pipe_are_answered_in_turn(monkeypatch, bot):
    lines = lines_of(piped(monkeypatch, "Hello.\n\nxyzzy plugh\n", bot, "--seed=1"))
    assert lines[0] == "you: Hello."
    assert lines[1].startswith("bot: ")
    assert lines[2:] == ["you: ", "you: xyzzy plugh", f"bot: {SAID}", "Goodbye."]


def test_a_seed_says_the_same_again(monkeypatch, bot):
    options = (bot, "--seed=3", "--temperature=5", "--top-p=1", "--threshold=0")
    first = lines_of(piped(monkeypatch, "Hello.\nHello.\n", *options))
    assert lines_of(piped(monkeypatch, "Hello.\nHello.\n", *options)) == first
    conversation = Chatbot.load(bot).conversation(seed=3, temperature=5.0, top_p=1.0, threshold=0.0)
    assert [line for line in first if line.startswith("bot: ")] == [
        f"bot: {conversation.say('Hello.').text}" for _ in range(2)
    ]


def test_a_threshold_of_zero_always_replies(monkeypatch, bot):
    assert f"bot: {SAID}" not in lines_of(piped(monkeypatch, "xyzzy\n", bot, "--threshold=0"))


def test_commands_reset_help_and_quit(monkeypatch, bot):
    lines = lines_of(piped(monkeypatch, "/help\n/reset\n/what\n/quit\nHello.\n", bot))
    assert lines[1].startswith("/reset forgets")
    assert lines[3] == "All that was said is forgotten."
    assert lines[5].startswith("There is no /what: /reset")
    assert lines[6:] == ["you: /quit", "Goodbye."]


def test_a_reset_conversation_replies_as_at_first(monkeypatch, bot):
    lines = lines_of(piped(monkeypatch, "Hello.\n/reset\nHello.\n", bot, "--seed=1", "--threshold=0"))
    assert lines[1] == lines[5]


def test_nothing_piped_in_ends_politely(monkeypatch, bot):
    assert lines_of(piped(monkeypatch, "", bot)) == ["Goodbye."]


def test_other_models_and_damaged_input_are_refused(monkeypatch, bot, model):
    assert error_of("chat", model) == f"{model} is a Forecaster: chat needs a Chatbot"
    assert "temperature = 0.0" in error_of("chat", bot, "--temperature=0")
    ended = piped(monkeypatch, b"\xff\xfe\n", bot)
    assert ended.code == 2
    assert ended.err.startswith("error: standard input, line 1: byte 0xFF is not UTF-8, it begins UTF-16 text")
    assert "--encoding utf-16" in ended.err


class Terminal:
    """The command at a pseudo-terminal."""

    def __init__(self, *arguments):
        own, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ostinato", "chat", *map(str, arguments)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env={**os.environ, "TERM": "dumb", "OMP_NUM_THREADS": "1"},
        )
        os.close(theirs)
        self.own, self.shown = own, ""

    def until(self, text, seconds=60, again=lambda: None):
        """Reads until a text is shown, doing something at first and every 15 seconds; gives what came before it."""
        for second in range(seconds):
            if text in self.shown:
                break
            if second % 15 == 0:
                again()
            wait = time.monotonic() + 1
            while text not in self.shown and (left := wait - time.monotonic()) > 0:
                if select.select([self.own], [], [], left)[0]:
                    self.shown += self._read()
        before, found, self.shown = self.shown.partition(text)
        assert found, f"{text!r} never came, only {before!r}"
        return before

    def _read(self):
        try:
            return os.read(self.own, 4096).decode()
        except OSError:  # the other end is closed
            time.sleep(0.05)
            return ""

    def type(self, text):
        os.write(self.own, text.encode())

    def end(self):
        code = self.process.wait(60)
        os.close(self.own)
        return code


def test_at_a_terminal_it_prompts_replies_and_leaves_at_the_end_of_input(bot):
    terminal = Terminal(bot, "--seed=1")
    terminal.until("you: ")
    terminal.type("xyzzy plugh\n")
    assert SAID in terminal.until("you: ")
    terminal.type("\x04")
    terminal.until("Goodbye.")
    assert terminal.end() == 0


def test_at_a_terminal_ctrl_c_leaves_politely(bot):
    terminal = Terminal(bot)
    terminal.until("you: ")
    # Later, or again: a signal between Python's prompt and its waiting for a line is not seen until the next one.
    time.sleep(0.5)
    shown = terminal.until("Goodbye.", again=lambda: os.killpg(terminal.process.pid, signal.SIGINT))
    assert "Traceback" not in shown
    assert terminal.end() == 0
