"""What was printed leaves in numbered chunks: each byte once, in order, without secrets."""

import time
from collections.abc import Sequence
from pathlib import Path

from service.contracts.logs import CHUNK_CHARACTERS, TRIAL_BYTES, LogChunk
from workers.capture import LOG, of_rank
from workers.log_sender import LogReader, LogSender
from workers.service_client import ServiceAway


class Service:
    """Takes chunks, or is away."""

    def __init__(self) -> None:
        self.taken: list[LogChunk] = []
        self.away = 0

    def send(self, chunks: Sequence[LogChunk]) -> None:
        if self.away:
            self.away -= 1
            raise ServiceAway("restarting")
        self.taken.extend(chunks)


def everything(reader: LogReader) -> list[LogChunk]:
    chunks: list[LogChunk] = []
    while found := reader.read():
        chunks += found
    return chunks


def test_chunks_are_numbered_and_end_with_a_line(tmp_path: Path) -> None:
    lines = "".join(f"line {number} äöü\n" for number in range(5000))
    (tmp_path / "c-t0.log").write_text(lines)
    (tmp_path / "driver.log").write_text("the driver\n")
    chunks = everything(LogReader(tmp_path))
    assert [chunk.number for chunk in chunks] == list(range(len(chunks)))
    assert "".join(chunk.text for chunk in chunks if chunk.trial_id == "c-t0") == lines
    assert [chunk.text for chunk in chunks if chunk.trial_id is None] == ["the driver\n"]
    assert all(len(chunk.text) <= CHUNK_CHARACTERS for chunk in chunks)
    assert all(chunk.text.endswith("\n") for chunk in chunks)


def test_a_line_that_grows_is_sent_once(tmp_path: Path) -> None:
    reader, told = LogReader(tmp_path), ""
    with (tmp_path / "driver.log").open("w") as file:
        for piece in ("one\ntw", "o", "\nthree"):
            file.write(piece)
            file.flush()
            told += "".join(chunk.text for chunk in everything(reader))
    assert told == "one\ntwo\nthree"


def test_a_full_log_says_so_and_its_end_follows(tmp_path: Path) -> None:
    (tmp_path / "c-t0.log").write_bytes(b"x" * (TRIAL_BYTES + 10_000))
    reader = LogReader(tmp_path)
    text = "".join(chunk.text for chunk in everything(reader))
    assert text.count("x") == TRIAL_BYTES
    assert text.endswith("[the log is full: what follows is dropped, but for the end]\n")
    (tmp_path / "c-t0.end").write_text("[10,000 bytes dropped]\nthe end\n")
    (last,) = everything(reader)
    assert last.text == "[10,000 bytes dropped]\nthe end\n"
    assert everything(reader) == []


def test_the_end_of_a_restarted_trial_follows_the_first_ones(tmp_path: Path) -> None:
    (tmp_path / "c-t0.log").write_bytes(b"x" * TRIAL_BYTES)
    reader, end = LogReader(tmp_path), tmp_path / "c-t0.end"
    for words in ("the first life's end\n", "the second life's end\n"):
        end.write_text(words)
        assert everything(reader)[-1].text == words
        assert everything(reader) == []
        end.unlink()


def test_each_ranks_words_are_told_with_its_number(tmp_path: Path) -> None:
    for rank in (0, 1, 12):
        of_rank(tmp_path / "c-t0", rank).with_name(
            of_rank(tmp_path / "c-t0", rank).name + LOG
        ).write_text(f"rank {rank}\n")
    chunks = everything(LogReader(tmp_path))
    assert {chunk.trial_id for chunk in chunks} == {"c-t0"}
    assert sorted((c.rank, c.text) for c in chunks) == [(r, f"rank {r}\n") for r in (0, 1, 12)]


def test_a_secret_never_leaves(tmp_path: Path) -> None:
    secret = "the-study-token"
    (tmp_path / "driver.log").write_text(f"TOKEN={secret}\n")
    (tmp_path / "c-t0.log").write_text("y" * (CHUNK_CHARACTERS - 70) + secret * 30)
    text = "".join(chunk.text for chunk in everything(LogReader(tmp_path, [secret])))
    assert "the-study" not in text
    assert text.count("[hidden]") == 31


def test_what_the_service_missed_is_sent_again_unchanged(tmp_path: Path) -> None:
    service = Service()
    service.away = 3
    (tmp_path / "driver.log").write_text("one\n")
    sender = LogSender(LogReader(tmp_path), service.send, pause_seconds=0.01)
    until = time.monotonic() + 10
    while not service.taken and time.monotonic() < until:
        time.sleep(0.01)
    (tmp_path / "driver.log").write_text("one\ntwo\n")
    sender.close()
    assert [(chunk.number, chunk.text) for chunk in service.taken] == [(0, "one\n"), (1, "two\n")]


def test_a_refusal_ends_the_sending_alone(tmp_path: Path) -> None:
    def refuse(_chunks: Sequence[LogChunk]) -> None:
        raise RuntimeError("not understood")

    (tmp_path / "driver.log").write_text("one\n")
    sender = LogSender(LogReader(tmp_path), refuse, pause_seconds=0.01)
    began = time.monotonic()
    sender.close()
    assert time.monotonic() - began < 2
