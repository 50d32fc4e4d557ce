"""Recordings from folders, manifests, Kaldi directories and zips; what cannot be used is named with its reason."""

import json
import struct
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from audio_scenario import manifest, tone, write
from hypothesis import given, settings
from hypothesis import strategies as st

from ostinato import OstinatoError
from ostinato.data import AudioSpec, Clip, LabelledSpec, Recordings, audio_checks, read_labelled, read_recordings

FORMATS = {
    "wav": {},
    "flac": {},
    "mp3": {},
    "ogg": {},
    "opus": {"format": "OGG", "subtype": "OPUS"},
    "nist": {"format": "NIST"},
    "aiff": {},
}


def said(source, **spec):
    return read_recordings(source, AudioSpec(**spec))


class TestSources:
    @pytest.mark.parametrize("form", FORMATS)
    def test_every_format_of_libsndfile_is_read(self, tmp_path, form):
        write(tmp_path / f"a.{form}", **FORMATS[form])
        read = said(manifest(tmp_path / "m.csv", f"a.{form},hello"))
        (clip,) = read.clips
        assert (read.texts, clip.rate) == (("hello",), 16000)
        assert clip.count == pytest.approx(8000, abs=16)
        assert np.sqrt(np.mean(clip.wave() ** 2)) == pytest.approx(0.212, abs=0.02)

    def test_a_folder_has_a_folder_for_each_label(self, tmp_path):
        for name in ("no/1.wav", "yes/1.wav", "yes/deep/2.flac"):
            write(tmp_path / name)
        (tmp_path / "yes" / "README.txt").write_text("not audio, left alone")
        read = read_labelled(tmp_path)
        assert (read.labels, read.modality, read.names[2]) == (("no", "yes", "yes"), "audio", "yes/deep/2.flac")
        assert read.spec.layout == "audio"
        assert read.notes == ("1 of 4 files are no audio by their names, and left alone, such as yes/README.txt",)

    def test_a_folder_of_texts_with_a_few_recordings_is_none_of_recordings(self, tmp_path):
        for name in ("good/1.txt", "bad/1.txt", "bad/.hidden.wav", "bad/.2.wav", "bad/.3.wav"):
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text("a text")
        assert read_labelled(tmp_path).modality == "text"

    def test_a_table_of_recordings_and_texts_is_one_of_texts_where_their_column_is_named(self, tmp_path):
        write(tmp_path / "a.wav")
        table = manifest(tmp_path / "m.csv", "a.wav,a text,good", columns="path,text,label")
        assert read_labelled(table).modality == "audio"
        assert read_labelled(table, LabelledSpec(text="text")).modality == "text"

    def test_a_file_beside_the_folders_has_no_label_which_is_an_error_only_where_one_is_needed(self, tmp_path):
        write(tmp_path / "no" / "1.wav")
        write(tmp_path / "stray.wav")
        with pytest.raises(OstinatoError, match=r"stray\.wav: a file beside the folders"):
            read_labelled(tmp_path)
        assert read_labelled(tmp_path, labels=False).labels is None

    @pytest.mark.parametrize("form", ["csv", "tsv", "jsonl"])
    def test_a_manifest_names_files_beside_it(self, tmp_path, form):
        write(tmp_path / "clips" / "a.wav", tone(1.0))
        row = {"path": "clips/a.wav", "sentence": "a, b", "start": 0.25, "end": 0.75, "speaker": "eve", "split": "test"}
        path = tmp_path / f"m.{form}"
        if form == "jsonl":
            path.write_text(json.dumps(row) + "\n\n")
        else:
            pd.DataFrame([row]).to_csv(path, sep="," if form == "csv" else "\t", index=False)
        read = said(path)
        (clip,) = read.clips
        assert (clip.seconds, clip.speaker, clip.split, read.texts) == (0.5, "eve", "test", ("a, b",))
        np.testing.assert_array_equal(clip.wave(), said(path).clips[0]._decoded()[:] / np.float32(32768))

    def test_json_lines_that_are_none_are_named_with_their_line(self, tmp_path):
        (tmp_path / "m.jsonl").write_text('{"audio": "a.wav", "text": "a"}\n[1]\n')
        with pytest.raises(OstinatoError, match=r"m\.jsonl, line 2: not a JSON object"):
            said(tmp_path / "m.jsonl")

    def test_members_of_a_zip_beside_the_manifest_are_read_where_they_lie(self, tmp_path):
        write(tmp_path / "a.flac")
        with zipfile.ZipFile(tmp_path / "audio.zip", "w") as archive:
            archive.write(tmp_path / "a.flac", "in/a.flac")
        whole = (tmp_path / "a.flac").read_bytes()
        (tmp_path / "a.flac").unlink()
        before = sorted(tmp_path.iterdir())
        read = said(manifest(tmp_path / "m.csv", "./in/a.flac,hello"))
        assert read.clips[0].count == 8000
        assert str(read.clips[0].file).endswith("audio.zip: in/a.flac")
        assert sorted(tmp_path.iterdir()) == [*before, tmp_path / "m.csv"]
        assert whole

    @pytest.mark.parametrize("name", ["../secret.wav", "/etc/secret.wav", "in/../../secret.wav"])
    def test_no_name_leads_out_of_a_zip(self, tmp_path, name):
        with zipfile.ZipFile(tmp_path / "audio.zip", "w") as archive:
            archive.writestr("a.wav", b"")
        with pytest.raises(OstinatoError, match=r"1 missing .*no such file"):
            said(manifest(tmp_path / "m.csv", f"{name},hello"))

    def test_a_kaldi_directory_has_recordings_segments_texts_and_speakers(self, tmp_path):
        write(tmp_path / "rec.wav", tone(1.0))
        (tmp_path / "wav.scp").write_text("r1 rec.wav\n")
        (tmp_path / "segments").write_text("u1 r1 0.0 0.5\nu2 r1 0.5 -1\n")
        (tmp_path / "text").write_text("u1 hello there\nu2 goodbye\n")
        (tmp_path / "utt2spk").write_text("u1 eve\nu2 eve\n")
        read = said(tmp_path)
        assert [clip.seconds for clip in read.clips] == [0.5, 0.5]
        assert (read.texts, read.names, read.clips[0].speaker) == (("hello there", "goodbye"), ("u1", "u2"), "eve")

    def test_a_pipe_in_a_kaldi_directory_is_never_run(self, tmp_path):
        (tmp_path / "wav.scp").write_text(f"r1 touch {tmp_path}/ran |\n")
        (tmp_path / "text").write_text("r1 hello\n")
        with pytest.raises(OstinatoError, match=r"wav\.scp, line 1: a pipe"):
            said(tmp_path)
        assert not (tmp_path / "ran").exists()

    @pytest.mark.parametrize(
        ("name", "content", "error"),
        [
            ("segments", "u1 r1 0.0\n", "segments, line 1: not an utterance"),
            ("segments", "u1 r9 0 1\n", "has no recording 'r9'"),
            ("wav.scp", "r1 a.wav\nr1 b.wav\n", "wav.scp, line 2: 'r1' again, as in line 1"),
        ],
    )
    def test_what_is_wrong_in_a_kaldi_directory_is_named(self, tmp_path, name, content, error):
        write(tmp_path / "a.wav")
        (tmp_path / "wav.scp").write_text("r1 a.wav\n")
        (tmp_path / "text").write_text("u1 hello\nr1 hello\n")
        (tmp_path / name).write_text(content)
        with pytest.raises(OstinatoError, match=error.replace(".", r"\.")):
            said(tmp_path)

    def test_files_by_name_have_no_text(self, tmp_path):
        path = write(tmp_path / "a.wav")
        assert read_recordings([path, path], texts=False).texts is None
        assert len(read_labelled(path, labels=False)) == 1

    def test_a_zip_alone_says_what_is_needed(self, tmp_path):
        with pytest.raises(OstinatoError, match=r"a\.zip: a zip: give the table beside it"):
            said(tmp_path / "a.zip")

    def test_waves_in_memory_are_recordings(self):
        read = Recordings.of_waves([tone(0.1), tone(0.2)], 16000, ["a", "b"], ["eve", "bob"])
        assert [clip.seconds for clip in read.clips] == [0.1, 0.2]
        labelled = read_labelled(read)
        assert (labelled.labels, labelled.modality) == (("a", "b"), "audio")

    @pytest.mark.parametrize("wave", [np.zeros((2, 3)), np.array([0.0, np.nan]), np.zeros(3, np.int64), ["a"]])
    def test_what_is_no_wave_is_refused(self, wave):
        with pytest.raises(OstinatoError, match="a wave"):
            Clip.of_wave(wave, 16000)


class TestChecks:
    """Each kind of fault, in a manifest with one sound recording."""

    def row(self, folder, what):
        """A row with a fault, and what is said of it."""
        bad = folder / "bad.wav"
        if what == "missing":
            return "gone.wav,hello", r"1 missing \(line 3: gone\.wav: no such file\)"
        if what == "unreadable":
            bad.write_bytes(b"this is no audio")
            return "bad.wav,hello", r"1 unreadable \(line 3: bad\.wav: not readable audio"
        if what == "cut short":
            write(bad)
            bad.write_bytes(bad.read_bytes()[:5000])
            return "bad.wav,hello", r"cut short: 5,000 of the 16,044 bytes"
        if what == "rate":
            write(bad)
            data = bytearray(bad.read_bytes())
            data[24:28] = struct.pack("<I", 1_092_676)
            bad.write_bytes(data)
            return "bad.wav,hello", r"1 an implausible rate \(line 3: bad\.wav: its header tells of 1,092,676"
        if what == "infinite":
            write(bad, np.array([0.1, np.inf] * 1000), subtype="FLOAT")
            return "bad.wav,hello", "a sample that is not a finite number"
        if what == "m4a":
            (folder / "bad.m4a").write_bytes(b"\0\0\0 ftypM4A ")
            return "bad.m4a,hello", r"convert it to WAV or FLAC, ffmpeg -i bad\.m4a bad\.wav"
        waves = {
            "empty": (np.zeros(0), "1 no samples .*0 samples"),
            "silent": (np.full(8000, 1e-5), r"1 silent \(.*its level is -inf dBFS"),
            "long": (tone(31), "1 too long .*31.0 seconds, more than max_audio_seconds=30"),
            "quick": (tone(0.1), "1 letters too quick .*5 letters in 0.10 seconds"),
            "no text": (tone(), "1 no text .*the text is empty"),
        }
        wave, error = waves[what]
        write(bad, wave)
        return f"bad.wav,{'' if what == 'no text' else 'hello'}", error

    @pytest.mark.parametrize(
        "what",
        [
            *("missing", "unreadable", "cut short", "rate", "infinite", "m4a"),
            *("empty", "silent", "long", "quick", "no text"),
        ],
    )
    def test_what_cannot_be_used_is_an_error_or_left_out_and_named(self, tmp_path, what):
        write(tmp_path / "good.wav")
        row, error = self.row(tmp_path, what)
        path = manifest(tmp_path / "m.csv", "good.wav,fine", row)
        with pytest.raises(OstinatoError, match=rf"m\.csv: 1 of 2 recordings cannot be used: .*{error}.*skip_bad=True"):
            said(path)
        read = said(path, skip_bad=True)
        assert read.texts == ("fine",)
        assert "1 of 2 recordings are left out: 1 " in read.notes[0]

    def test_faults_are_counted_and_the_first_of_each_named(self, tmp_path):
        rows = [f"{number}.wav,x" for number in range(1000)]
        with pytest.raises(OstinatoError, match=r"1,000 of 1,000 .*1,000 missing \(.*0\.wav.*2\.wav[^3]*, \.\.\.\)"):
            said(manifest(tmp_path / "m.csv", *rows))
        with pytest.raises(OstinatoError, match="no recording is left of 1,000"):
            said(tmp_path / "m.csv", skip_bad=True)

    @pytest.mark.parametrize("stretch", ["0.2,0.1", "-1,0.3", "7,8"])
    def test_a_stretch_that_is_none_is_named(self, tmp_path, stretch):
        write(tmp_path / "a.wav")
        with pytest.raises(OstinatoError, match=r"line 2: a\.wav: begins at second"):
            said(manifest(tmp_path / "m.csv", f"a.wav,x,{stretch}", columns="audio,text,start,end"))

    def test_in_predicting_what_cannot_be_read_stays_in_its_place(self, tmp_path):
        files = [write(tmp_path / "a.wav"), tmp_path / "gone.wav"]
        read = read_recordings(files, AudioSpec(skip_bad=True), texts=False)
        assert [clip.count for clip in read.clips] == [8000, 0]
        assert "1 of 2 recordings are not read: 1 missing" in read.notes[0]

    def test_rates_are_made_the_same_and_channels_mixed_and_it_is_said(self, tmp_path):
        for number in range(2):
            write(tmp_path / f"{number}.wav", tone(rate=8000), 8000)
        write(tmp_path / "2.wav", np.stack([tone(0.5, 44100), np.zeros(22050)], 1), 44100)
        read = said(manifest(tmp_path / "m.csv", "0.wav,x", "1.wav,x", "2.wav,x"))
        assert {clip.rate for clip in read.clips} == {8000}
        assert [clip.count for clip in read.clips] == [4000] * 3
        assert np.abs(read.clips[2].wave()).max() == pytest.approx(0.16, abs=0.03)  # half of one channel
        assert any("read at 8,000 Hz: 2 at 8,000 Hz, 1 at 44,100 Hz" in note for note in read.notes)
        assert any("1 of 3 recordings have several channels, mixed into one: 2.wav" in note for note in read.notes)

    @pytest.mark.parametrize(("rate", "read_at"), [(44100, 16000), (16000, 16000), (8000, 8000)])
    def test_the_rate_is_16000_or_the_commonest_where_that_is_lower(self, tmp_path, rate, read_at):
        write(tmp_path / "a.wav", tone(rate=rate), rate)
        assert said(manifest(tmp_path / "m.csv", "a.wav,x")).clips[0].rate == read_at

    def test_clipping_is_said_and_not_refused(self, tmp_path):
        write(tmp_path / "a.wav", np.clip(tone(level=3.0), -1, 1))
        assert any(
            "1 of 1 recordings are clipped" in note for note in said(manifest(tmp_path / "m.csv", "a.wav,x")).notes
        )

    def test_texts_are_folded_and_it_is_said(self, tmp_path):
        write(tmp_path / "a.wav")
        read = said(manifest(tmp_path / "m.csv", "a.wav,\ufeffCafe\u0301  au"), lowercase=True)
        assert read.texts == ("caf\u00e9 au",)
        told = ("a byte-order mark", "composed", "spaces beside others", "capitals")
        assert all(any(what in note for note in read.notes) for what in told)

    def test_speakers_and_sentences_in_two_parts_are_told(self, tmp_path):
        write(tmp_path / "a.wav")
        rows = ("a.wav,hello,eve,train", "a.wav,hello,eve,test", "a.wav,bye,bob,test")
        path = manifest(tmp_path / "m.csv", *rows, columns="audio,text,speaker,split")
        notes = " ".join(said(path).notes)
        assert "1 of 2 speakers are in two parts, and known from one: 'eve' is in test and train" in notes
        assert "1 of 2 sentences are in two parts" in notes
        labelled = read_labelled(path, LabelledSpec(label="text"))
        assert not any("sentences" in note for note in labelled.notes)  # labels recur by their nature

    def test_recordings_beyond_what_memory_may_hold_are_decoded_again(self, tmp_path, monkeypatch):
        monkeypatch.setattr(audio_checks, "HELD", 20_000)
        write(tmp_path / "a.wav", tone(pitch=300))
        write(tmp_path / "b.wav", tone(rate=22050), 22050)
        path = manifest(tmp_path / "m.csv", "a.wav,x", "b.wav,x")
        read = said(path, sample_rate=16000)
        assert [clip.held is None for clip in read.clips] == [False, True]
        assert "decoded again for every batch" in read.notes[-1]
        monkeypatch.undo()
        for lazy, held in zip(read.clips, said(path, sample_rate=16000).clips, strict=True):
            np.testing.assert_array_equal(lazy.wave(), held.wave())
        (tmp_path / "b.wav").unlink()
        with pytest.raises(OstinatoError, match=r"b\.wav: no such file; it was readable"):
            read.clips[1].wave()

    def test_without_the_libraries_the_extra_is_named(self, tmp_path, monkeypatch):
        write(tmp_path / "a.wav")
        monkeypatch.setattr("ostinato.data.audio_files.find_spec", lambda name: None)
        with pytest.raises(OstinatoError, match=r"ostinato\[audio\]"):
            read_recordings([tmp_path / "a.wav"], texts=False)


class TestParts:
    def records(self, splits=None, speakers=None, count=20):
        clips = [
            Clip.of_wave(tone(0.05, seed=n), 16000, speakers[n % len(speakers)] if speakers else "")
            for n in range(count)
        ]
        read = Recordings.of_waves([], 16000)
        from dataclasses import replace

        clips = tuple(replace(clip, split=splits[n % len(splits)] if splits else "") for n, clip in enumerate(clips))
        labels = tuple("ab"[n // 2 % 2] for n in range(count))
        places = tuple(map(str, range(count)))
        return replace(read, clips=clips, texts=labels, names=places, places=places)

    def test_a_manifest_says_what_is_validation_and_what_is_test(self):
        records = read_labelled(self.records(splits=["train", "Dev", "test", "train"]))
        rest, test = records.hold_out(0.1)
        training, validation = rest.split(0.1)
        assert [len(part) for part in (training, validation, test)] == [10, 5, 5]
        assert {clip.split for clip in training.clips} == {"train"}
        assert len(records.split(0.1)[0]) == 10  # the test part is in neither

    def test_speakers_are_parted_whole(self):
        records = self.records(speakers=["eve", "bob", "ann", "joe", "kim"])
        first, second = read_labelled(records).split(0.2, seed=3)
        assert len(second) == 4
        assert not {clip.speaker for clip in first.clips} & {clip.speaker for clip in second.clips}

    def test_where_labels_are_speakers_clips_are_parted(self):
        records = self.records(speakers=["eve", "eve", "bob", "bob"])  # "a" is said by eve alone
        first, second = read_labelled(records).split(0.2)
        assert set(first.labels) == set(second.labels) == {"a", "b"}

    def test_too_few_are_said_to_be(self):
        with pytest.raises(OstinatoError, match="1 recordings are too few"):
            self.records(count=1).split(0.5)


SOUND = {}


@settings(max_examples=60, deadline=None)
@given(
    form=st.sampled_from(["wav", "flac", "ogg", "mp3"]),
    edits=st.lists(st.tuples(st.integers(0, 5000), st.binary(max_size=4), st.integers(0, 12)), max_size=4),
)
def test_any_damage_to_a_file_is_an_error_in_one_line_or_a_sound_clip(form, edits):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"a.{form}"
        if form not in SOUND:
            SOUND[form] = write(path, tone(0.2)).read_bytes()
        data = SOUND[form]
        for at, new, removed in edits:
            data = data[:at] + new + data[at + removed :]
        path.write_bytes(data)
        try:
            (clip,) = read_recordings([path], texts=False).clips
        except OstinatoError as refused:
            said_of_it = str(refused)
        else:
            said_of_it = f"a.{form}"
            assert np.isfinite(clip.wave()).all()
            assert 0 < clip.seconds <= 31
    assert f"a.{form}" in said_of_it
    assert "\n" not in said_of_it
