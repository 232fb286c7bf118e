#!/usr/bin/env python3
"""The rooms of the house depend one way: protocol <- {config, net}, net <- {proxy, appserver-sdk}, config <- proxy."""
import pathlib
import re
import sys

MAY = {"protocol": set(), "config": {"protocol"}, "net": {"protocol"},
       "proxy": {"protocol", "net", "config"}, "appserver-sdk": {"protocol", "net"}}
ROOM = [(r"trunkline/protocol/", "protocol"), (r"trunkline/", "appserver-sdk"),
        *((room + "/", room) for room in MAY)]
root, wrong = pathlib.Path(sys.argv[1]), []
for file in sorted(f for room in MAY for f in (root / room).rglob("*.[hc]pp")):
    own = file.relative_to(root).parts[0]
    for number, line in enumerate(file.read_text().splitlines(), 1):
        if include := re.match(r'\s*#\s*include\s*[<"]([^">]+)', line):
            of = next((room for prefix, room in ROOM if include[1].startswith(prefix)), own)
            if of != own and of not in MAY[own]:
                wrong.append(f"{file}:{number}: {own} must not include {of}: {include[1]}")
print("\n".join(wrong))
sys.exit(1 if wrong else 0)
