#!/usr/bin/env python3
"""Who pays for which library: no file of ours is compiled with a big library that it does not use.

The compiler says what it has read (`ninja -t deps`), so a library that comes by way of five headers is seen too. Each file
that was compiled must be named in the row of each library that it got; a name that ends with / is a whole folder.
"""
import os
import pathlib
import re
import subprocess
import sys

CHECKED = ("protocol/", "config/", "net/", "proxy/", "appserver-sdk/", "examples/", "tests/load/")
MAY = {
    "boost/beast/": ["net/asio_impl.cpp", "proxy/daemon/admin.cpp", "proxy/http/http_session.cpp"],
    "CLI/": ["proxy/daemon/command_line.cpp", "tests/load/options.cpp"],
    "yaml-cpp/": ["config/src/tree.cpp"],
    "prometheus/": ["proxy/metrics/exposition.cpp"],
    "spdlog/": ["proxy/log/logging.cpp"],
    "nlohmann/": ["proxy/daemon/readiness.cpp", "examples/chat/chat.cpp", "tests/load/report.cpp"],
    "msgpack.*/": ["protocol/src/service/"],
    "boost/asio/": ["net/", "proxy/daemon/", "proxy/main.cpp", "proxy/http/", "proxy/clients/", "proxy/attachments/",
                    "proxy/upstreams/", "proxy/verbs/", "appserver-sdk/", "tests/load/"],
    "boost/asio/ssl": [],
    "boost/exception_ptr.hpp": [],
    "boost/outcome/boost_": [],
}


def compiled(build):
    """(file, all that it was compiled with) for each object; paths as the compiler had them, made absolute."""
    text = subprocess.run(["ninja", "-C", build, "-t", "deps"], check=True, capture_output=True, text=True).stdout
    absolute = {}
    for entry in re.split(r"\n(?=\S)", text):
        paths = [line.strip() for line in entry.splitlines() if line.startswith(" ")]
        for path in paths:
            if path not in absolute:
                absolute[path] = os.path.normpath(os.path.join(build, path))
        if paths:
            yield absolute[paths[0]], [absolute[path] for path in paths]


def is_in(file, names):
    return any(file.startswith(name) if name.endswith("/") else file == name for name in names)


def main(root, build):
    of_header, wrong, seen = {}, [], set()
    for source, headers in compiled(build):
        file = os.path.relpath(source, root)
        if not file.startswith(CHECKED):
            continue
        seen.add(file)
        got = set()
        for header in headers:
            if header not in of_header:
                of_header[header] = [name for name in MAY if re.search(f"/include/{name}", header)]
            got.update(of_header[header])
        for name in got:
            if not is_in(file, MAY[name]):
                ours = [h for h in headers
                        if h.startswith(root) and re.search(rf'#\s*include\s*[<"]{name}', pathlib.Path(h).read_text())]
                by = ", ".join(os.path.relpath(h, root) for h in ours) or "another library"
                wrong.append(f"{file} gets {name} by {by}")
    for line in sorted(wrong):
        print(line)
    if not seen:
        print(f"nothing of ours is compiled in {build}")
    return 1 if wrong or not seen else 0


if __name__ == "__main__":
    sys.exit(main(os.path.realpath(sys.argv[1]), os.path.realpath(sys.argv[2])))
