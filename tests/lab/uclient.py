"""uclient: coturn's turnutils_uclient, a TURN client that is not ours. It exits 0 even at full loss, so its own counts
are compared; and it takes each TLS read for one message, so it gets few at a time."""
import re

from lab.case import check


class Uclient:
    def __init__(self, case, host, space=None):
        self.case, self.host, self.space = case, host, space

    def run(self, *how, user="alice", password="secret", host=None):
        """(exit code, sent, received, output) of one run."""
        done = self.case.run(["turnutils_uclient", "-u", user, "-w", password, *how, host or self.host],
                             space=self.space, seconds=60)
        counts = re.findall(r"tot_send_msgs=(\d+), tot_recv_msgs=(\d+)$", done.stdout, re.M)
        sent, received = (int(n) for n in counts[-1]) if counts else (0, 0)
        return done.returncode, sent, received, done.stdout

    def expect_all(self, what, *how, n=10, clients=1, host=None):
        """Every message comes back."""
        code, sent, received, output = self.run("-n", str(n), "-m", str(clients), *how, host=host)
        check(code == 0 and sent >= n * clients and sent == received,
              f"{what}: exit {code}, sent {sent}, received {received}\n{output[-1500:]}")
        self.case.say(f"{what}: {received} of {sent} messages came back")
