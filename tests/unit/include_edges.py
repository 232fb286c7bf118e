#!/usr/bin/env python3
"""The rooms of the house depend one way, and so do those inside proxy/: who may include whom."""
import graphlib
import pathlib
import re
import sys

MAY = {
    "protocol": set(),
    "config": {"protocol"},
    "net": {"protocol"},
    "proxy": {"protocol", "net", "config"},
    "appserver-sdk": {"protocol", "net"},
}
# Each room of proxy/ stands below those that it may include (docs/architecture.md draws it).
MAY_IN_PROXY = {
    "log": set(),
    "metrics": set(),
    "http": {"metrics", "log"},
    "directory": set(),
    "attachments": {"directory", "metrics", "log"},
    "clients": {"attachments", "directory", "http", "metrics", "log"},
    "verbs": {"clients", "attachments", "directory", "metrics", "log"},
    "upstreams/native": {"verbs", "clients", "attachments", "metrics", "log"},
    "upstreams": {"upstreams/native", "attachments", "http", "metrics", "log"},
}
MAY_IN_PROXY["daemon"] = set(MAY_IN_PROXY)
MAY_IN_PROXY[""] = set(MAY_IN_PROXY)  # main.cpp
ROOM = [(r"trunkline/protocol/", "protocol"), (r"trunkline/", "appserver-sdk"),
        *((room + "/", room) for room in MAY)]


def room_in_proxy(path):
    """The room of a path like proxy/clients/transport/x.hpp: the innermost folder that the table knows, or else its own."""
    folder = "/".join(path.split("/")[1:-1])
    known = [room for room in MAY_IN_PROXY if room and (folder + "/").startswith(room + "/")]
    return max(known, key=len, default=folder)


def main(root):
    wrong = []
    for table in (MAY, MAY_IN_PROXY):
        list(graphlib.TopologicalSorter(table).static_order())  # throws if the table itself has a circle
    for file in sorted(f for room in MAY for f in (root / room).rglob("*.[hc]pp")):
        path = file.relative_to(root).as_posix()
        own, proxy_room = path.split("/")[0], room_in_proxy(path)
        if own == "proxy" and proxy_room not in MAY_IN_PROXY:
            wrong.append(f"{path}: the room proxy/{proxy_room} is not in the table of {pathlib.Path(__file__).name}")
            continue
        for number, line in enumerate(file.read_text().splitlines(), 1):
            include = re.match(r'\s*#\s*include\s*[<"]([^">]+)', line)
            if not include:
                continue
            of = next((room for prefix, room in ROOM if include[1].startswith(prefix)), own)
            if of != own and of not in MAY[own]:
                wrong.append(f"{path}:{number}: {own} must not include {of}: {include[1]}")
            if own == "proxy" and include[1].startswith("proxy/"):
                edge = (proxy_room, room_in_proxy(include[1]))
                if edge[0] != edge[1] and edge[1] not in MAY_IN_PROXY[edge[0]]:
                    wrong.append(f"{path}:{number}: proxy/{edge[0]} must not include proxy/{edge[1]}: {include[1]}")
    for line in wrong:
        print(line)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
