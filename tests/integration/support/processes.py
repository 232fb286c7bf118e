"""One child process: its log, its end, what it costs. Never outlives the test."""
import ctypes
import os
import re
import signal
import subprocess
import time

from .environment import scaled

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)
_TICKS = os.sysconf("SC_CLK_TCK")
_REPORT = re.compile(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:|LeakSanitizer")


def _die_with_parent():
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    def __init__(self, name, argv, directory, env=None, new_group=False, pass_fds=()):
        self.name = name
        self.log_path = directory / f"{name}.log"
        self._log = open(self.log_path, "ab")
        environment = {**os.environ, "ASAN_OPTIONS": "abort_on_error=0:exitcode=66", "TSAN_OPTIONS": "exitcode=66:report_thread_leaks=0",
                       "UBSAN_OPTIONS": "print_stacktrace=1", **(env or {})}
        self._child = subprocess.Popen([str(a) for a in argv], stdout=self._log, stderr=subprocess.STDOUT,
                                       stdin=subprocess.DEVNULL, env=environment, cwd=directory,
                                       preexec_fn=_die_with_parent, start_new_session=new_group,
                                       pass_fds=pass_fds)
        self.pid = self._child.pid
        self.was_killed = False
        self.good_exit_codes = {0}

    def is_running(self):
        return self._child.poll() is None

    def log(self):
        return self.log_path.read_text(errors="replace")

    def wait(self, seconds=20):
        """Its exit code; a deadline is an error."""
        try:
            return self._child.wait(scaled(seconds))
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} did not end within {scaled(seconds)} s; its log:\n{self.log()[-4000:]}")

    def signal(self, number):
        if self.is_running():
            self._child.send_signal(number)

    def stop(self, seconds=20):
        self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def kill(self):
        self.was_killed = True
        if self.is_running():
            self._child.kill()
        self._child.wait()
        self._log.close()

    def pause(self):
        self.signal(signal.SIGSTOP)

    def go_on(self):
        self.signal(signal.SIGCONT)

    def sanitizer_report(self):
        """What a sanitizer said about it, or nothing."""
        found = _REPORT.search(self.log())
        return self.log()[found.start():found.start() + 6000] if found else ""


def cpu_seconds(pid):
    """User and system time of a process's living threads up to now, by the scheduler's own nanoseconds; where the kernel does
    not give them, by the ticks of `stat`, which may say nothing at all about a short measurement."""
    try:
        total = 0
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat") as schedstat:
                total += int(schedstat.read().split()[0])
        if total:
            return total / 1e9
    except FileNotFoundError:
        pass
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def wait_until(predicate, what, seconds=15):
    """Polls until `predicate` answers something true, and answers that."""
    deadline = time.monotonic() + scaled(seconds)
    while True:
        found = predicate()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {scaled(seconds)} s")
        time.sleep(0.02)
