#pragma once

#include <cstddef>

namespace trunkline::tests {

/// What stands between every `net::ByteStream` of this program and its socket (it replaces net/byte_stream.cpp), as TLS
/// would: it takes from the socket all that is there, and gives it out in records of a few bytes. So a read brings
/// fewer bytes than were asked for while there is more, and no event of the socket tells of it. One thread.
struct RecordLayer {
    static constexpr std::size_t kRecordBytes = 7;

    /// Whether a read has to write first, so that it waits for room where the socket has none. Off at first.
    static void set_reads_need_room(bool on) noexcept;
};

}  // namespace trunkline::tests
