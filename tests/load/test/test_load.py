"""trunkline-load against servers that lie: a ledger that cannot fail proves nothing. And each profile, for a moment,
through a real proxy."""
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "integration"))
sys.dont_write_bytecode = True
from support.environment import BIN  # noqa: E402
from support.ports import free_port  # noqa: E402
from support.processes import wait_until  # noqa: E402
from support.servers import AppServer, Proxy  # noqa: E402

PROFILES = {
    "echo": [], "shared-echo": [], "broadcast": ["-i", "20ms"], "chat": ["-i", "10ms", "--rooms", "4"], "fanout": [],
    "client-to-client": ["-i", "20ms"], "slow-reader": ["-i", "5ms", "-s", "16000", "--slow", "2"], "connect": [],
    "idle": [],
}


def load(*arguments, timeout=60):
    command = [BIN / "trunkline-load", "-q", *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=timeout)
    return result.returncode, result.stdout + result.stderr


class Lies(unittest.TestCase):
    @contextlib.contextmanager
    def lying(self, lie):
        """The port of a server that lies so."""
        server = subprocess.Popen([sys.executable, HERE / "lying_server.py", lie], stdout=subprocess.PIPE, text=True)
        try:
            yield int(server.stdout.readline())
        finally:
            server.kill()
            server.wait()
            server.stdout.close()

    def run_against(self, lie, *arguments, profile="echo"):
        with self.lying(lie) as port, tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "report.json"
            code, text = load(profile, *arguments, f"ws://127.0.0.1:{port}/", "-c", 20, "-d", "1s", "--warm-up", "200ms",
                              "--settle", "1s", "--json", path)
            report = json.loads(path.read_text()) if path.exists() else {}
        return code, text, report.get("ledger", {}), report

    def test_an_honest_one(self):
        for arguments in ([], ["-r", 400], ["--shards", 2], ["--workers", 1]):
            code, text, ledger, _ = self.run_against("nothing", *arguments)
            self.assertEqual(code, 0, text)
            self.assertGreater(ledger["expected"], 100)
            self.assertEqual(ledger["expected"], ledger["received"])
            self.assertNotIn("FAILED", text)

    def test_answers_that_never_come(self):
        code, text, ledger, _ = self.run_against("forgets")
        self.assertEqual((code, ledger["missing"], ledger["stranded"]), (1, 2, 2), text)  # a closed loop waits for ever
        code, text, ledger, _ = self.run_against("forgets", "-r", 800)
        self.assertEqual((code, ledger["missing"], ledger["stranded"]), (1, 2, 0), text)
        self.assertIn("missing", text)

    def test_lies_between_clients_of_two_processes(self):
        chat = ("-i", "10ms", "--shards", 2)
        code, text, ledger, _ = self.run_against("nothing", *chat, profile="chat")
        self.assertEqual((code, ledger["missing"]), (0, 0), text)
        self.assertGreater(ledger["expected"], 100)
        code, text, ledger, _ = self.run_against("forgets", *chat, profile="chat")
        self.assertEqual((code, ledger["missing"], ledger["doubled"]), (1, 1, 0), text)
        code, text, ledger, _ = self.run_against("answers-twice", *chat, profile="chat")
        self.assertEqual((code, ledger["missing"], ledger["doubled"]), (1, 0, 1), text)

    def test_a_server_that_stops_reading(self):
        for arguments in ([], ["-r", 800], ["-r", 800, "-s", 100000]):
            code, text, ledger, _ = self.run_against("stops-reading", *arguments)
            self.assertEqual((code, ledger["stranded"]), (1, 20), text)
            self.assertGreaterEqual(ledger["missing"], 20)

    def test_a_server_that_dies(self):
        code, text, ledger, report = self.run_against("dies")
        self.assertEqual((code, report["closed"], ledger["missing"]), (1, 20, 0), text)
        self.assertIn("20 clients were ended without a close frame", text)

    def test_a_killed_shard(self):
        with self.lying("nothing") as port:
            command = [BIN / "trunkline-load", "echo", f"ws://127.0.0.1:{port}/", "--shards", "2", "-c", "20", "-d", "20s"]
            run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            self.addCleanup(run.kill)
            children = pathlib.Path(f"/proc/{run.pid}/task/{run.pid}/children")
            shards = wait_until(lambda: children.read_text().split()[1:], "there are two shards")
            os.kill(int(shards[0]), signal.SIGKILL)
            _, text = run.communicate(timeout=20)
            self.assertEqual(run.returncode, 3, text)
            self.assertIn(f"process {shards[0]}, has ended", text)

    def test_a_command_that_never_ends(self):
        code, text, _, report = self.run_against("nothing", "--at", "100ms sleep 1000", "--at", "200ms exit 7")
        self.assertEqual(code, 0, text)
        self.assertIn("'sleep 1000' still ran in the end, and was killed", text)
        self.assertIn("'exit 7' failed with exit code 7", text)
        self.assertEqual(len(report["commands"]), 2)

    def test_answers_that_come_twice(self):
        for arguments in ([], ["-r", 800]):
            code, text, ledger, _ = self.run_against("answers-twice", *arguments)
            self.assertEqual((code, ledger["doubled"], ledger["missing"]), (1, 20, 0), text)
            self.assertIn("came twice", text)

    def test_answers_in_the_wrong_order(self):
        code, text, ledger, _ = self.run_against("swaps", "-r", 800)
        self.assertEqual(code, 1, text)
        self.assertGreaterEqual(ledger["out_of_order"], 20, text)
        self.assertEqual(ledger["doubled"], 0)
        self.assertIn("behind a later one", text)

    def test_answers_to_somebody_else(self):
        code, text, ledger, _ = self.run_against("misdelivers", "-r", 800)
        self.assertEqual((code, ledger["misdelivered"], ledger["missing"]), (1, 19, 19), text)
        code, text, ledger, _ = self.run_against("changes", "-r", 800)
        self.assertEqual((code, ledger["misdelivered"]), (1, 20), text)

    def test_answers_that_were_changed(self):
        for lie in ("changes-the-last-byte", "changes-the-letter", "cuts", "adds"):
            with self.subTest(lie):
                code, text, ledger, report = self.run_against(lie)
                self.assertEqual((code, ledger["changed"], ledger["missing"], ledger["unreadable"]), (1, 20, 0, 0), text)
                self.assertEqual(sum(second["changed"] for second in report["per_second"]), 20)
                self.assertIn("20 messages came with other bytes than were sent", text)
                self.assertIn(", 20 changed, ", text)

    def test_nonsense(self):
        code, text, ledger, _ = self.run_against("speaks-nonsense", "-r", 800)
        self.assertEqual((code, ledger["unreadable"]), (1, 20), text)
        self.assertIn("echo server", text)

    def test_half_of_the_clients_closed(self):
        code, text, ledger, report = self.run_against("closes-half", "-r", 400)
        self.assertEqual((code, report["closed"]), (1, 10), text)
        self.assertIn("10 clients were closed by the server with 1011", text)
        self.assertEqual(ledger["missing"], 0, text)

    def test_refused(self):
        code, text, _, _ = self.run_against("refuses")
        self.assertEqual(code, 3, text)
        self.assertIn("20 clients were refused with HTTP 503", text)
        code, text, _, report = self.run_against("refuses-half")
        self.assertEqual((code, report["refused"], report["connected"]), (1, 10, 10), text)
        code, text, _, _ = self.run_against("never-answers", "--connect-timeout", "500ms")
        self.assertEqual(code, 3, text)
        self.assertIn("no answer to the upgrade in time", text)

    def test_a_profile_that_needs_our_app_server(self):
        code, text, _, _ = self.run_against("nothing", "--connect-timeout", "500ms", profile="broadcast")
        self.assertEqual(code, 3, text)
        self.assertIn("trunkline-load-app", text)

    def test_nobody_there(self):
        code, text = load("echo", f"ws://127.0.0.1:{free_port()}/", "-c", 3)
        self.assertEqual(code, 3, text)
        self.assertIn("Connection refused", text)

    def test_a_report_that_cannot_be_written_is_noticed_first(self):
        with tempfile.TemporaryDirectory() as directory:
            for kind, path, why in (("json", f"{directory}/none/report.json", "No such file or directory"),
                                    ("csv", directory, "Is a directory"),
                                    ("html", f"{__file__}/report.html", "Not a directory")):
                code, text = load("echo", f"ws://127.0.0.1:{free_port()}/", "-c", 3, f"--{kind}", path)
                self.assertEqual((code, text), (3, f"trunkline-load: cannot write {path}: {why}\n"))
            whole = f"{directory}/whole.json"
            code, _ = load("echo", f"ws://127.0.0.1:{free_port()}/", "-c", 3, "--json", whole)
            self.assertEqual((code, os.path.exists(whole)), (3, False))  # nothing was measured

    def test_expectations(self):
        code, text, _, _ = self.run_against("nothing", "--expect", "p99<1us,missing=0,received>10")
        self.assertEqual(code, 1, text)
        self.assertIn("expected p99<1us", text)
        self.assertNotIn("received>10", text)

    def test_usage_is_2(self):
        nobody = "ws://127.0.0.1:1/"
        for arguments in ([], ["echo"], ["nonsense", nobody], ["echo", "127.0.0.1:1"], ["echo", "ws://example.com/"],
                          ["echo", nobody, "-c", "0"], ["echo", nobody, "-d", "10"], ["echo", nobody, "-d", "0s"],
                          ["echo", nobody, "-s", "3"], ["echo", nobody, "-r", "-3"],
                          ["echo", nobody, "--expect", "joy>3"], ["echo", nobody, "--at", "soon x"],
                          ["echo", nobody, "--client", "carrier"], ["slow-reader", nobody, "-c", "5", "--slow", "5"],
                          ["broadcast", nobody, "-r", "10"], ["echo", nobody, "--rooms", "2"],
                          ["echo", nobody, "--at", "1m true"], ["echo", nobody, "-c", "2", "--shards", "3"],
                          ["echo", nobody, "--pid", "x"], ["echo", nobody, "-r", "nan"], ["echo", nobody, "-r", "1e99"]):
            code, text = load(*arguments)
            self.assertEqual(code, 2, (arguments, text))
            self.assertIn("trunkline-load: ", text)

    def test_too_few_descriptors(self):
        for limit, advice in ((200, "raise it (ulimit -Hn) or spread them with --shards 11\n"), (90, "raise it (ulimit -Hn)\n")):
            command = f"ulimit -n {limit}; exec {BIN}/trunkline-load echo ws://127.0.0.1:1/ -c 1000"
            result = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=20)
            self.assertEqual(result.returncode, 3)
            self.assertIn(advice, result.stderr)


class Profiles(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(prefix="trunkline-load-")
        cls.directory = pathlib.Path(cls.temporary.name)
        cls.app = AppServer("app", cls.directory, f"unix://{cls.directory}/app.sock", "trunkline-load-app")
        cls.proxies = [cls.start_proxy(f"proxy-{i}") for i in range(2)]
        cls.processes = [cls.app, *cls.proxies]
        cls.urls = [proxy.url() for proxy in cls.proxies]

    @classmethod
    def start_proxy(cls, name):
        return Proxy(name, cls.directory, {
            # Each run is longer than this: whoever does not answer pings is closed in the middle of it.
            "timeouts": {"ping": "300ms", "pong": "300ms"}, "workers": 1, "drain_timeout": "100ms",
            "upstreams": {"app": {"app_servers": [cls.app.address]}}, "routes": [{"path": "/*", "upstream": "app"}],
            "log": {"level": "warn"}}).wait_until_ready()

    @classmethod
    def tearDownClass(cls):
        for process in reversed(cls.processes):
            process.stop()
        cls.temporary.cleanup()

    def test_each_profile_over_two_proxies(self):
        for profile, arguments in PROFILES.items():
            with self.subTest(profile), tempfile.TemporaryDirectory() as directory:
                outputs = {kind: pathlib.Path(directory) / f"report.{kind}" for kind in ("json", "csv", "html")}
                code, text = load(profile, *self.urls, "-c", 40, "-d", "700ms", "--warm-up", "200ms", *arguments,
                                  "--pid", ",".join(str(p.pid) for p in self.processes), "--at", "100ms true",
                                  *(x for kind, path in outputs.items() for x in (f"--{kind}", path)))
                self.assertEqual(code, 0, text)
                report = json.loads(outputs["json"].read_text())
                self.assertEqual(report["connected"], 40)
                if profile not in ("connect", "idle"):
                    self.assertGreater(report["ledger"]["expected"], 100, text)
                    self.assertEqual(report["ledger"]["expected"], report["ledger"]["received"])
                    used = sum(process["cpu_seconds"] for process in report["processes"])
                    messages = max(report["sent"], report["received"])
                    self.assertAlmostEqual(report["cpu_us_per_message"], used * 1e6 / messages)
                    self.assertGreater(len(outputs["csv"].read_text().splitlines()), 1)
                page = outputs["html"].read_text()
                self.assertIn(profile, page)
                self.assertNotIn("src=", page)  # it needs nothing else

    def test_a_ledger_of_two_processes(self):
        for profile in ("chat", "fanout", "client-to-client"):
            with self.subTest(profile), tempfile.TemporaryDirectory() as directory:
                path = pathlib.Path(directory) / "report.json"
                code, text = load(profile, *self.urls, "-c", 40, "-d", "700ms", "--warm-up", "200ms", "--shards", 2,
                                  *PROFILES[profile], "--json", path)
                self.assertEqual(code, 0, text)
                ledger = json.loads(path.read_text())["ledger"]
                self.assertGreater(ledger["expected"], 100, text)
                self.assertEqual((ledger["received"], ledger["uncertain"]), (ledger["expected"], 0))

    def test_the_server_side_by_its_metrics(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory) / "report.json"
            code, text = load("echo", self.urls[0], "-c", 10, "-d", "1s", "--metrics", f"http://127.0.0.1:{self.proxies[0].admin_port}/metrics",
                              "--json", path)
            self.assertEqual(code, 0, text)
            self.assertGreater(json.loads(path.read_text())["cpu_us_per_message"], 0)

    def test_a_killed_proxy_is_seen(self):
        victim = self.start_proxy("victim")
        code, text = load("echo", self.urls[0], victim.url(), "-c", 20, "-d", "1s", "--settle", "1s",
                          "--at", f"1500ms kill -9 {victim.pid}")
        victim.kill()
        self.assertEqual(code, 1, text)
        self.assertIn("10 clients were ended without a close frame", text)
        self.assertIn("at 1.5 s: kill -9", text)
        self.assertIn(", 0 missing", text)


if __name__ == "__main__":
    unittest.main()
