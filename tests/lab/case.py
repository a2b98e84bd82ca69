"""case: one test program from start to end.

    def test(case):
        ...
    run(test)

A case owns a temporary folder, every process it starts and every undo step it is given; all of it is taken
down in reverse order when the test ends, fails, is interrupted or runs out of time. What was logged is shown
only when the test failed. Exit code: 0 passed, 1 failed, 77 skipped with the reason printed."""
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

SKIPPED = 77
DEADLINE = 165  # seconds; ctest kills at 180 without a chance to clean up


class Failure(Exception):
    """What was expected did not happen."""


class Skip(Exception):
    """The test cannot run here; says why."""


def check(condition, text):
    if not condition:
        raise Failure(text)


def check_equal(got, wanted, what):
    if got != wanted:
        raise Failure(f"{what}: got {got!r}, wanted {wanted!r}")


def wait_for(condition, seconds, what, pause=0.05):
    """Polls until condition() is true and returns what it returned; fails after so many seconds."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= end:
            raise Failure(f"after {seconds} s still not: {what}")
        time.sleep(pause)


def need(*programs):
    """Skips the test when a program it drives is not installed."""
    for program in programs:
        if not shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin"):
            raise Skip(f"{program} is not installed")


def need_root():
    if os.geteuid() != 0:
        raise Skip("network namespaces need root")


class Process:
    """A child that dies with the test. Its output goes to a file in the test's folder."""

    def __init__(self, name, popen, log):
        self.name, self.popen, self.log = name, popen, log
        self.pid = popen.pid

    def running(self):
        return self.popen.poll() is None

    def output(self):
        with open(self.log, "rb") as f:
            return f.read().decode("utf-8", "replace")

    def wait(self, seconds):
        """Exit code (negative: died of that signal), or a failure when it does not end."""
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} did not end within {seconds} s") from None

    def signal(self, number):
        if self.running():
            self.popen.send_signal(number)

    def stop(self, seconds=5):
        """TERM, then KILL; returns the exit code."""
        self.signal(signal.SIGTERM)
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            return self.popen.wait(5)


class Case:
    def __init__(self, name):
        self.name = name
        self.folder = tempfile.mkdtemp(prefix=f"sallyport-{name}-")
        self.undo = contextlib.ExitStack()
        self.failures = []  # checks that only make sense at the very end, after everything was stopped
        self.finals = []
        self.began = time.monotonic()

    def path(self, *parts):
        p = os.path.join(self.folder, *parts)
        os.makedirs(os.path.dirname(p), exist_ok=True)
        return p

    def write(self, name, text, mode=0o600):
        p = self.path(name)
        with open(p, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(p, mode)
        return p

    def say(self, text):
        print(f"{time.monotonic() - self.began:7.2f}s  {text}", flush=True)

    def start(self, argv, name=None, space=None, env=None, stdin=subprocess.DEVNULL, cwd=None):
        """Starts a program (in a network namespace when one is given) that dies when the test does."""
        name = name or os.path.basename(argv[0])
        log = self.path("log", f"{name}.log")
        full = ["setpriv", "--pdeathsig", "KILL", "--"]
        if space:
            full += ["ip", "netns", "exec", space]
        with open(log, "ab") as out:
            popen = subprocess.Popen(full + list(argv), stdin=stdin, stdout=out, stderr=subprocess.STDOUT, cwd=cwd,
                                     env={**os.environ, **(env or {})}, start_new_session=True)
        p = Process(name, popen, log)
        self.undo.callback(p.stop)
        return p

    def run(self, argv, space=None, seconds=30, input=None, env=None, cwd=None):
        """Runs a program to its end; returns subprocess.CompletedProcess with text output."""
        full = ["setpriv", "--pdeathsig", "KILL", "--"] + (["ip", "netns", "exec", space] if space else []) + list(argv)
        try:
            return subprocess.run(full, input=input, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds,
                                  text=True, errors="replace", env={**os.environ, **(env or {})}, cwd=cwd, check=False)
        except subprocess.TimeoutExpired as e:
            text = (e.stdout or b"").decode("utf-8", "replace")
            raise Failure(f"{argv[0]} did not end within {seconds} s; it said:\n{text[-2000:]}") from None

    def finally_check(self, function):
        """function() runs after everything was stopped; what it raises fails the test."""
        self.finals.append(function)

    def show_logs(self, lines=60):
        for base, _, files in sorted(os.walk(self.folder)):
            for f in sorted(files):
                if not (f.endswith(".log") or f.startswith("san.")):
                    continue
                with open(os.path.join(base, f), "rb") as h:
                    text = h.read().decode("utf-8", "replace").splitlines()
                if text:
                    print(f"--- {f} (last {min(lines, len(text))} of {len(text)} lines)")
                    print("\n".join(line[:400] for line in text[-lines:]))

    def close(self):
        self.undo.close()
        for final in self.finals:
            try:
                final()
            except Failure as e:
                self.failures.append(str(e))


def interrupted(number, _frame):
    signal.alarm(0)
    raise Failure("ran out of time" if number == signal.SIGALRM else f"interrupted by signal {number}")


def run(test, deadline=DEADLINE):
    name = os.path.splitext(os.path.basename(sys.argv[0]))[0].removeprefix("test_")
    case = Case(name)
    for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, interrupted)
    signal.alarm(deadline)
    code = 0
    try:
        test(case)
    except Skip as e:
        print(f"skipped: {e}")
        code = SKIPPED
    except Failure as e:
        where = traceback.extract_tb(e.__traceback__)
        print("FAILED: " + str(e))
        print("  at " + " < ".join(f"{os.path.basename(f.filename)}:{f.lineno}" for f in reversed(where[1:])))
        code = 1
    except Exception:  # anything else is a failure of the test itself, or a peer gone: show it whole
        traceback.print_exc()
        code = 1
    finally:
        signal.alarm(0)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        case.close()
    for text in case.failures:
        print("FAILED: " + text)
        code = 1
    if code == 1:
        case.show_logs()
    else:
        case.say("skipped" if code == SKIPPED else "passed")
    if os.environ.get("SALLYPORT_KEEP"):
        print(f"kept: {case.folder}")
    else:
        shutil.rmtree(case.folder, ignore_errors=True)
    sys.stdout.flush()
    sys.exit(code)
