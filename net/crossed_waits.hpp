#pragma once

#include <sys/epoll.h>

#include <cstdint>

#include "net/byte_stream.hpp"

namespace trunkline::net {

/// For one who reads and writes a stream in the poller: remembers whether the reader waits for the stream to be
/// writable, or the writer for it to be readable (`IoResult::waits_for`), and gives each its event. A plain socket
/// never makes them wait so.
class CrossedWaits {
  public:
    void reader_blocked(const IoResult& in) noexcept { reader_ = in.waits_for == IoResult::Wait::writable; }
    void writer_blocked(const IoResult& out) noexcept { writer_ = out.waits_for == IoResult::Wait::readable; }

    /// `events` as the poller gave them, with EPOLLIN if the reader may go on and with EPOLLOUT if the writer may.
    std::uint32_t resolve(std::uint32_t events) const noexcept {
        std::uint32_t resolved = events;
        if (reader_ && (events & EPOLLOUT) != 0) resolved |= EPOLLIN;
        if (writer_ && (events & EPOLLIN) != 0) resolved |= EPOLLOUT;
        return resolved;
    }

  private:
    bool reader_ : 1 = false;
    bool writer_ : 1 = false;
};

}  // namespace trunkline::net
