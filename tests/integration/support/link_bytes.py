"""As much of MessagePack and of the link protocol as a misbehaving peer needs."""
import struct


def pack(value):
    if value is None:
        return b"\xc0"
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return bytes([value]) if 0 <= value < 128 else b"\xcf" + struct.pack(">Q", value)
    if isinstance(value, str):
        data = value.encode()
        return b"\xda" + struct.pack(">H", len(data)) + data
    if isinstance(value, bytes):
        return b"\xc5" + struct.pack(">H", len(value)) + value
    if isinstance(value, list):
        return b"\xdc" + struct.pack(">H", len(value)) + b"".join(map(pack, value))
    return b"\xde" + struct.pack(">H", len(value)) + b"".join(pack(k) + pack(v) for k, v in value.items())


def unpack(data, at=0):
    """(value, where the next one begins)"""
    first = data[at]
    sizes = {0xd9: (1, "s"), 0xda: (2, "s"), 0xdb: (4, "s"), 0xc4: (1, "b"), 0xc5: (2, "b"), 0xc6: (4, "b"),
             0xdc: (2, "a"), 0xdd: (4, "a"), 0xde: (2, "m"), 0xdf: (4, "m")}
    numbers = {0xcc: ">B", 0xcd: ">H", 0xce: ">I", 0xcf: ">Q", 0xd0: ">b", 0xd1: ">h", 0xd2: ">i", 0xd3: ">q"}
    at += 1
    if first < 0x80:
        return first, at
    if first >= 0xe0:
        return first - 256, at
    if first in (0xc0, 0xc2, 0xc3):
        return {0xc0: None, 0xc2: False, 0xc3: True}[first], at
    if first in numbers:
        size = struct.calcsize(numbers[first])
        return struct.unpack_from(numbers[first], data, at)[0], at + size
    if first < 0x90:
        size, kind = first & 15, "m"
    elif first < 0xa0:
        size, kind = first & 15, "a"
    elif first < 0xc0:
        size, kind = first & 31, "s"
    else:
        width, kind = sizes[first]
        size = int.from_bytes(data[at:at + width], "big")
        at += width
    if kind in "sb":
        value = data[at:at + size]
        return (value.decode() if kind == "s" else bytes(value)), at + size
    items = []
    for _ in range(size * (2 if kind == "m" else 1)):
        item, at = unpack(data, at)
        items.append(item)
    return (dict(zip(items[::2], items[1::2])) if kind == "m" else items), at


def frame(value):
    body, size = pack(value), b""
    length = len(body)
    while length > 127:
        size += bytes([length & 127 | 128])
        length >>= 7
    return size + bytes([length]) + body


async def read_frame(reader):
    length, shift = 0, 0
    while True:
        byte = (await reader.readexactly(1))[0]
        length |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            break
    return unpack(await reader.readexactly(length))[0]
