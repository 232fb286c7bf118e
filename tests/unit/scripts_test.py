#!/usr/bin/env python3
"""run.sh and test.sh around a build that is not one: cmake and ctest are stubs that say what they were asked."""
import os
import pathlib
import pty
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(sys.argv.pop(1)) if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]
CMAKE = """#!/bin/sh
echo "cmake $*" >>"$CALLS"
case $1 in --build) ;; *) exit 0 ;; esac
echo "[1/3] Building one.o"
echo "[2/3] Building two.o"
if [ -n "$FAILS" ]; then echo "two.cpp:7: error: no such thing"; exit 1; fi
echo "[3/3] Linking it"
"""
CTEST = """#!/bin/sh
echo "ctest $*" >>"$CALLS"
echo "100% tests passed"
"""


class Scripts(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="trunkline-scripts.")
        self.addCleanup(directory.cleanup)
        self.root = pathlib.Path(directory.name)
        (self.root / "deploy").mkdir()
        shutil.copy(ROOT / "deploy/debian-packages.sh", self.root / "deploy")
        shutil.copy(ROOT / "test.sh", self.root)
        for tests in ("integration", "load"):
            (self.root / "tests" / tests / "node_modules").mkdir(parents=True)
            (self.root / "tests" / tests / "package-lock.json").touch()
            (self.root / "tests" / tests / "node_modules/.package-lock.json").touch()
        self.calls = self.root / "calls"
        self.stub("cmake", CMAKE)
        self.stub("ctest", CTEST)
        self.stub("npm", "#!/bin/sh\n")
        self.stub("node", "#!/bin/sh\n")
        self.stub("dpkg-query", '#!/bin/sh\nfor name in "$@"; do echo "$name installed"; done\n')

    def stub(self, name, text):
        (self.root / "stubs").mkdir(exist_ok=True)
        (self.root / "stubs" / name).write_text(text)
        (self.root / "stubs" / name).chmod(0o755)

    def run_it(self, *command, fails="", **streams):
        environment = {**os.environ, "PATH": f"{self.root}/stubs:{os.environ['PATH']}", "CALLS": str(self.calls), "FAILS": fails}
        return subprocess.run(command, cwd=self.root, env=environment, text=True, timeout=60, **streams)

    def build(self, seconds=10, **how):
        (self.root / "build/release").mkdir(parents=True, exist_ok=True)
        script = f"set -euo pipefail; . deploy/debian-packages.sh; progress_seconds={seconds}; build release all"
        return self.run_it("bash", "-c", script, **how)

    def test_a_build_says_on_one_line_of_a_terminal_how_far_it_is(self):
        ours, theirs = pty.openpty()
        self.assertEqual(self.build(stdout=theirs).returncode, 0)
        os.close(theirs)
        shown = os.read(ours, 65536).decode()
        os.close(ours)
        self.assertEqual(shown.count("\n"), 1, shown)
        self.assertEqual(shown.split("\r\x1b[K")[1:], [f"==> building release: {n} of 3 done" + ("\r\n" if n == 3 else "") for n in (1, 2, 3)])

    def test_elsewhere_a_short_build_is_one_line(self):
        result = self.build(capture_output=True)
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "==> building release\n", ""))

    def test_elsewhere_a_long_build_says_now_and_then_how_far_it_is(self):
        result = self.build(seconds=0, capture_output=True)
        self.assertEqual(result.stdout.splitlines()[1:], [f"==> building release: {n} of 3 done" for n in (1, 2, 3)])

    def test_a_failed_build_shows_only_what_was_wrong(self):
        result = self.build(fails="yes", capture_output=True)
        self.assertEqual((result.returncode, result.stdout), (1, "==> building release\n"))
        self.assertEqual(result.stderr.splitlines()[0], "two.cpp:7: error: no such thing")
        self.assertEqual(len(result.stderr.splitlines()), 2, result.stderr)
        self.assertIn("build/release/build.log", result.stderr)

    def run_test_sh(self, *arguments):
        result = self.run_it("./test.sh", *arguments, capture_output=True)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertTrue(result.stdout.endswith("==> testing\n100% tests passed\n"), result.stdout)
        calls = self.calls.read_text().splitlines()
        self.calls.unlink()
        builds = [call.split()[3] for call in calls if call.startswith("cmake --build")]
        return builds, calls[-1]

    def test_the_whole_builds_and_tests_everything(self):
        builds, ctest = self.run_test_sh("-R", "ledger")
        self.assertEqual(builds, ["debug", "asan", "tsan", "fuzz"])
        self.assertTrue(ctest.endswith("-R ledger"), ctest)
        self.assertNotIn(" -L ", ctest)

    def test_quick_is_the_debug_build_with_unit_and_integration_tests(self):
        builds, ctest = self.run_test_sh("-R", "ledger", "--quick")
        self.assertEqual(builds, ["debug"])
        self.assertIn(" -L ^(unit|integration)$ ", ctest)
        self.assertTrue(ctest.endswith("-R ledger"), ctest)


if __name__ == "__main__":
    unittest.main()
