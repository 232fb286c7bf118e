#pragma once

#include <cstdint>
#include <functional>

#include "net/asio.hpp"

namespace trunkline::proxy {

/// SIGTERM and SIGINT, from construction to destruction: the first calls `on_stop` on the context, once; any later one
/// ends the process at once with exit code 1, whatever its threads are doing, because it is the handler itself that
/// does it. SIGPIPE is ignored from then on. Made and destroyed on main's thread, at most one at a time.
class Signals {
  public:
    /// SIGTERM and SIGINT wait from now on, in this thread and those it starts, until there is a Signals.
    static void hold();

    /// `on_stop` gets the signal's number. Throws boost::system::system_error.
    Signals(net::asio::io_context& context, std::function<void(int signal)> on_stop);
    ~Signals();
    Signals(const Signals&) = delete;
    Signals& operator=(const Signals&) = delete;

  private:
    void wait();

    net::Descriptor wake_;  // an eventfd that the handler raises
    std::uint64_t signal_ = 0;
    const std::function<void(int)> on_stop_;
};

}  // namespace trunkline::proxy
