"""What is measured: a cell is one command of trunkline-load, and the figures that its report comes to."""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Cell:
    kind: str      # echo | rate | broadcast | overload | hold
    clients: int
    rate: int = 0  # messages a second that are offered; broadcasts before they are multiplied

    @property
    def name(self):
        what = {"echo": "echo, closed loop", "rate": f"echo at {self.rate:,}/s",
                "broadcast": f"broadcast at {self.rate:,}/s", "overload": f"overload by {self.rate:,}/s",
                "hold": "connect and hold"}[self.kind]
        return f"{what}, {self.clients:,} clients"

    def arguments(self, seconds):
        """Of trunkline-load, without the address."""
        profile = {"echo": "echo", "rate": "echo", "hold": "idle"}.get(self.kind, "broadcast")
        arguments = [profile, "--clients", self.clients, "--duration", f"{seconds}s", "--warm-up", f"{min(1, seconds)}s"]
        if self.kind == "rate":
            arguments += ["--rate", self.rate]
        if profile == "broadcast":
            arguments += ["--interval", f"{1_000_000_000 // self.rate}ns"]
        if self.kind == "overload":
            arguments += ["--settle", "2s"]
        return arguments

    def figures(self, report):
        """The report's processes are those of a front: the app server's is the last."""
        *proxies, app = report["processes"]
        if self.kind == "hold":
            clients = report["connected"]
            connecting = app["cpu_before_seconds"] + sum(p["cpu_before_seconds"] for p in proxies)
            return {"connect_us": connecting / clients * 1e6, "connect_rate": clients / report["connect_seconds"],
                    "proxy_bytes": sum(p["bytes_grown"] for p in proxies) / clients,
                    "app_bytes": app["bytes_grown"] / clients}
        latency = {key: report["latency"][f"{key}_us"] / 1000 for key in ("p50", "p99", "p999")}
        if self.kind == "overload":
            offered = self.rate * self.clients * report["seconds"]
            return {"share": min(100, 100 * report["received"] / offered), **latency}
        cpu = app["cpu_seconds"] + sum(p["cpu_seconds"] for p in proxies)
        messages = max(1, report["received"])
        return {"cpu_us": cpu / messages * 1e6, "app_us": app["cpu_seconds"] / messages * 1e6, "rate": report["rate"],
                **latency}

    def complaints(self, report):
        """What was wrong with it: of an overload, nothing that is asked for."""
        return [] if self.kind == "overload" else report["complaints"]


SIZES = [100, 1000, 4000, 9000]
RATES = [5000, 20000]
CELLS = [
    *(Cell("echo", clients) for clients in SIZES),
    *(Cell("rate", clients, rate) for rate in RATES for clients in SIZES),
    Cell("broadcast", 1000, 50), Cell("broadcast", 4000, 10),
    *(Cell("overload", 1000, rate) for rate in (400, 1600, 6400)),
    Cell("hold", 9000),
]
SMOKE = [Cell("echo", 20), Cell("rate", 20, 500), Cell("broadcast", 20, 50), Cell("overload", 20, 100),
         Cell("hold", 100)]
