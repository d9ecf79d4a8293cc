"""Shards on a server that truncates, drops connections and answers 503: nothing is lost, and nothing comes twice."""

import base64
import errno
import hashlib
import http.client
import os
import random
import re
import ssl
import threading
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from diptych.data import ExampleRequest
from diptych.data.shards import cache, web
from diptych.data.shards.cache import Cache
from diptych.data.shards.remote import RemoteFile

CONTENT = random.Random(0).randbytes(51_200)


class Server:
    """A web server whose answers go wrong as `moods` say, one a request (the last for all others)."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files, self.moods, self.asked = files, ["well"], []
        self.etags = True
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(server) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                server.answer(self)

        return Handler

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        mood = self.moods.pop(0) if len(self.moods) > 1 else self.moods[0]
        wanted = request.headers.get("Range")
        self.asked.append((request.path, wanted, mood))
        content = self.files.get(request.path.partition("?")[0])
        if mood.isdecimal() or content is None:
            request.send_error(int(mood) if mood.isdecimal() else 404)
        elif mood == "drops":
            request.close_connection = True
        elif mood.startswith("to "):
            request.send_response(302)
            request.send_header("Location", mood.removeprefix("to "))
            request.end_headers()
        else:
            self._send(request, content, mood, wanted)

    def _send(self, request: BaseHTTPRequestHandler, content: bytes, mood: str, wanted: str | None) -> None:
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", wanted or "") if mood != "knows no ranges" else None
        start, end = (int(found[1]), int(found[2] or len(content) - 1)) if found else (0, len(content) - 1)
        request.send_response(206 if found else 200)
        if found:
            request.send_header("Content-Range", f"bytes {start}-{end}/{len(content)}")
        request.send_header("Content-Length", str(end - start + 1))
        if self.etags:
            request.send_header("ETag", f'"{hashlib.md5(content).hexdigest()}"')
        if mood == "is damaged on the way" or mood == "says its digest":
            digest = base64.b64encode(hashlib.md5(content).digest()).decode()
            request.send_header("x-goog-hash", f"crc32c=AAAAAA==, md5={digest}")
        request.end_headers()
        body = content[start : end + 1]
        if mood == "truncates":
            body = body[: len(body) // 2]
        if mood == "is damaged on the way":
            body = bytes(reversed(body))
        request.wfile.write(body)


@pytest.fixture
def serve(monkeypatch) -> Iterator[Callable[[dict[str, bytes]], Server]]:
    monkeypatch.setattr(web, "WAITS_SECONDS", (0.01, 0.01, 0.01))
    started: list[Server] = []

    def start(files: dict[str, bytes]) -> Server:
        started.append(Server(files))
        return started[-1]

    yield start
    for server in started:
        server.close()


@pytest.fixture
def remote(serve, tmp_path):
    """`remote(cache)`: a server of one file, and the file by way of a cache."""

    def start(most_bytes: int | None = None) -> tuple[Server, RemoteFile]:
        server = serve({"/a.tar": CONTENT})
        return server, RemoteFile(f"{server.url}/a.tar", Cache(tmp_path / "kept", most_bytes))

    return start


MOODS = ["well", "truncates", "drops", "503", "429", "knows no ranges", "says its digest", "is damaged on the way"]


@pytest.mark.parametrize("etags", [True, False])
@pytest.mark.parametrize("mood", MOODS)
def test_what_comes_is_whole_whatever_goes_wrong_on_the_way(mood, etags, remote):
    server, file = remote()
    server.etags = etags
    server.moods = [mood, mood, "says its digest", mood, mood, "well"]
    assert file.fetch().read_bytes() == CONTENT
    assert file.read(300, 10) == CONTENT[300:310]


def test_a_dropped_connection_is_taken_up_where_it_ended(remote):
    server, file = remote()
    server.moods = ["well", "truncates", "truncates", "well"]
    file.fetch()
    starts = [wanted for _, wanted, _ in server.asked]
    assert starts == ["bytes=0-0", None, f"bytes={len(CONTENT) // 2}-", f"bytes={len(CONTENT) * 3 // 4}-"]


def test_a_server_that_knows_no_ranges_is_read_from_the_start(remote):
    server, file = remote()
    server.moods = ["well", "truncates", "knows no ranges"]
    assert file.fetch().read_bytes() == CONTENT


def test_a_killed_download_goes_on_in_the_next_run(remote, monkeypatch):
    server, file = remote()
    append = web._append

    def killed(*arguments):
        append(*arguments)
        raise KeyboardInterrupt

    server.moods = ["well", "truncates"]
    monkeypatch.setattr(web, "_append", killed)
    with pytest.raises(KeyboardInterrupt):
        file.fetch()
    monkeypatch.setattr(web, "_append", append)
    server.moods = ["well"]
    assert RemoteFile(file.url, file.cache).fetch().read_bytes() == CONTENT
    assert server.asked[-1][1] == f"bytes={len(CONTENT) // 2}-"


def test_a_file_is_fetched_once_by_all_who_ask(remote):
    server, file = remote()
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda _: file.fetch(), range(8)))) == 1
    assert [wanted for _, wanted, _ in server.asked].count(None) == 1


def test_a_server_that_never_answers_ends_in_one_message_with_the_fix(remote):
    server, file = remote()
    server.moods = ["503"]
    with pytest.raises(ValueError, match=r"/a\.tar cannot be fetched \(the server answers 503 .*, after 4 tries"):
        file.fetch()
    assert len(server.asked) == 4


def test_nobody_there_is_said_like_a_server_that_never_answers(serve, tmp_path):
    server = serve({})
    url = server.url.replace(str(server._server.server_port), "9")
    with pytest.raises(ValueError, match="refused"):
        RemoteFile(f"{url}/a.tar", Cache(tmp_path)).fetch()


@pytest.mark.parametrize(
    "error",
    [ssl.SSLError(1, "bad record mac"), OSError(errno.EHOSTUNREACH, "No route to host"), http.client.HTTPException()],
)
@pytest.mark.parametrize("call", ["open", "read"])
def test_any_error_of_the_network_is_tried_again_wherever_it_is_raised(call, error, remote, monkeypatch):
    owner = urllib.request.OpenerDirector if call == "open" else http.client.HTTPResponse
    sound, errors = getattr(owner, call), [error, error]

    def fails(*arguments, **named):
        if errors:
            raise errors.pop()
        return sound(*arguments, **named)

    _, file = remote()
    assert file.version["size"] == len(CONTENT)
    monkeypatch.setattr(owner, call, fails)
    assert file.fetch().read_bytes() == CONTENT
    assert not errors


def test_a_network_that_stays_broken_ends_in_one_message(remote, monkeypatch):
    def fails(*_, **__):
        raise ssl.SSLError(1, "bad record mac")

    monkeypatch.setattr(urllib.request.OpenerDirector, "open", fails)
    with pytest.raises(ValueError, match=r"cannot be fetched \(SSLError .*bad record mac.*, after 4 tries"):
        _ = remote()[1].version


@pytest.mark.parametrize("mood", ["404", "403", "to ftp://127.0.0.1/a.tar", "to file:///etc/passwd"])
def test_an_answer_that_will_not_change_is_not_waited_for(mood, remote):
    server, file = remote()
    server.moods = [mood]
    with pytest.raises(ValueError, match=r"http://127\.0\.0\.1:\d+/a\.tar cannot be fetched"):
        file.fetch()
    assert len(server.asked) == 1


def test_a_file_that_changed_since_it_was_indexed_is_not_mixed_with_the_old_one(remote):
    server, file = remote()
    assert file.version["size"] == len(CONTENT)
    server.files["/a.tar"] = CONTENT[::-1]
    with pytest.raises(ValueError, match=r"a\.tar has changed since it was indexed: start again"):
        file.fetch()
    assert RemoteFile(file.url, file.cache).fetch().read_bytes() == CONTENT[::-1]


def test_what_is_secret_in_an_address_is_in_no_message(remote):
    server, file = remote()
    server.moods = ["403"]
    with pytest.raises(ValueError, match="cannot be fetched") as error:
        RemoteFile(f"{file.url}?signature=secret", file.cache).fetch()
    assert "secret" not in str(error.value)


def test_the_least_used_files_go_when_there_is_no_more_room(serve, tmp_path):
    server = serve({f"/{i}.tar": bytes([i]) * 1000 for i in range(4)})
    cache = Cache(tmp_path, 2500)
    files = [RemoteFile(f"{server.url}/{i}.tar", cache) for i in range(4)]
    for place, number in enumerate((0, 1, 2)):
        _used_at(files[number].fetch(), 1000 + place)
    _used_at(files[1].fetch(), 2000)
    files[3].fetch()
    assert sorted(path.read_bytes()[0] for path in tmp_path.glob("*.shard")) == [1, 3]
    assert sum(path.stat().st_size for path in tmp_path.glob("*.shard")) <= 2500
    assert files[0].read(0, 5) == bytes(5)


def _used_at(path: Path, seconds: int) -> None:
    os.utime(path, (seconds, seconds))


def test_a_cache_of_somebody_else_is_read(remote, monkeypatch):
    server, file = remote()
    path = file.fetch()
    _used_at(path, 1000)
    server.asked.clear()

    def refused(*_, **__):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    for owner, name in ((os, "utime"), (os, "replace"), (Path, "mkdir"), (cache, "locked")):
        monkeypatch.setattr(owner, name, refused)
    assert file.fetch() == path
    assert file.read(0, 9) == CONTENT[:9]
    assert server.asked == []


def test_it_is_said_if_the_bound_of_the_cache_cannot_be_kept(serve, tmp_path, caplog):
    server = serve({f"/{i}.tar": bytes(1000) for i in range(2)})
    (tmp_path / "other-2000.partial").touch()  # another run fetches it at this moment
    bounded = Cache(tmp_path, 2500)
    assert len(RemoteFile(f"{server.url}/0.tar", bounded).fetch().read_bytes()) == 1000
    assert "cannot be kept: 3e-06 are fetched" in caplog.text


def test_a_full_disk_is_said_with_the_key_that_bounds_the_cache(remote, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    _, file = remote()
    monkeypatch.setattr(web, "_append", full)
    with pytest.raises(ValueError, match=r"No space left on device; data\.cache_gigabytes"):
        file.fetch()


# Whole data sets


@pytest.fixture
def served(serve, tars) -> Server:
    return serve({f"/{path.name}": path.read_bytes() for path in tars.glob("*.tar")})


def test_shards_on_the_web_have_the_examples_of_those_on_this_machine(webdataset, tars, served):
    served.moods = ["503", "well", "truncates", "drops", "well", "truncates"] * 3 + ["well"]
    far, near = webdataset(tars, f"{served.url}/part-{{000..004}}.tar"), webdataset(tars)
    for data in (far, near):
        data.setup()
    assert far.spec == near.spec
    for split in ("train", "val", "test"):
        mine, other = far.splits[split], near.splits[split]
        assert [mine.facts_of(i) for i in range(mine.size)] == [other.facts_of(i) for i in range(other.size)]
        assert torch.equal(mine[ExampleRequest(0, 3)].image, other[ExampleRequest(0, 3)].image)


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_cache_with_room_for_some_shards_serves_a_pass_exactly(ranks, webdataset, tars, served):
    sizes = sorted((len(content) for content in served.files.values()), reverse=True)
    gigabytes = (sum(sizes[:2]) + 1) / 1e9
    changes = {"val_share": 0.0, "test_share": 0.0, "shuffle_shards": 1, "cache_gigabytes": gigabytes}
    keys = []
    for rank in range(ranks):
        data = webdataset(tars, f"{served.url}/part-{{000..004}}.tar", **changes)
        data.setup()
        data.trainer = SimpleNamespace(global_rank=rank, world_size=ranks)
        batches = iter(data.train_dataloader())
        keys += [key for _ in range(10) for key in next(batches).keys]
    assert sorted(keys) == [f"{i:04d}.png" for i in range(40)]


def test_the_second_opening_fetches_no_shard(webdataset, tars, served):
    url = f"{served.url}/part-{{000..004}}.tar"
    webdataset(tars, url).setup()
    served.asked.clear()
    data = webdataset(tars, url)
    data.setup()
    assert data.splits["train"][ExampleRequest(0)].key
    assert {wanted for _, wanted, _ in served.asked} == {"bytes=0-0"}


def test_the_next_shards_are_fetched_while_these_are_read(webdataset, tars, served):
    changes = {"val_share": 0.0, "test_share": 0.0, "shuffle_shards": 1}
    url = f"{served.url}/part-{{000..004}}.tar"
    webdataset(tars, url, **changes).setup()
    data = webdataset(tars, url, **changes)
    data.setup()
    train = data.splits["train"]
    for path in train.samples.shards[0].file.cache.folder.glob("*.shard"):
        path.unlink()
    served.asked.clear()
    first, second = list(train._blocks.groups(data.seed, 0))[:2]
    wanted = {f"/part-{shard:03d}.tar" for shard in (*first, *second)}
    train[ExampleRequest(int(train.order(data.seed, 0)[0]), 0)]
    for _ in range(200):
        asked = {path for path, _, _ in served.asked}
        if asked >= wanted:
            break
        threading.Event().wait(0.02)
    assert asked == wanted


def test_a_cache_without_room_for_what_is_read_and_what_comes_is_refused(webdataset, tars, served):
    data = webdataset(tars, f"{served.url}/part-{{000..004}}.tar", cache_gigabytes=0.00003)
    with pytest.raises(ValueError, match=r"data\.cache_gigabytes=3e-05 is less than .* data\.shuffle_shards=2"):
        data.setup()
    assert {wanted for _, wanted, _ in served.asked} == {"bytes=0-0"}, "it was fetched before it was refused"


def test_a_server_that_is_gone_leaves_no_shard_out(webdataset, tars, served):
    served.moods = ["503"]
    with pytest.raises(ValueError, match="after 4 tries"):
        webdataset(tars, f"{served.url}/part-000.tar", on_error="skip").setup()


@pytest.mark.parametrize("mood", ["401", "403", "400"])
def test_a_shard_that_the_server_refuses_is_not_left_out(mood, webdataset, tars, served):
    served.moods = ["well", mood]
    with pytest.raises(ValueError, match=f"part-00.* cannot be fetched: the server answers {mood}"):
        webdataset(tars, f"{served.url}/part-{{000..001}}.tar", on_error="skip").setup()


def test_shards_here_and_on_the_web_are_read_together(webdataset, tars, served, monkeypatch):
    failed = []
    monkeypatch.setattr(threading, "excepthook", failed.append)
    shards = [f"part-{n:03d}.tar" if n % 2 else f"{served.url}/part-{n:03d}.tar" for n in range(5)]
    data = webdataset(tars, shards, val_share=0.0, test_share=0.0, shuffle_shards=1)
    data.setup()
    batches = iter(data.train_dataloader())
    assert sorted(key for _ in range(10) for key in next(batches).keys) == [f"{i:04d}.png" for i in range(40)]
    data.splits["train"]._ahead._thread.join(0.2)
    assert failed == []


def test_a_shard_that_is_not_on_the_server_is_a_finding(webdataset, tars, served):
    findings = webdataset(tars, f"{served.url}/part-{{003..005}}.tar").inspect()
    (name,) = findings.problems["damaged_shards"]
    assert name.endswith("/part-005.tar cannot be fetched: the server answers 404 Not Found")
    assert findings.num_pictures == 17
