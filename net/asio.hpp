#pragma once

// The one place that includes Asio: 1.74 forgets <utility>, so it must come first.
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

namespace trunkline::net {

namespace asio = boost::asio;

/// Everything of a loop runs on its own io_context, so the executor is that concrete type: no type erasure, and
/// smaller objects.
using Executor = asio::io_context::executor_type;
using Descriptor = asio::posix::basic_stream_descriptor<Executor>;
using Timer =
    asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>, Executor>;
using Resolver = asio::ip::basic_resolver<asio::ip::tcp, Executor>;

}  // namespace trunkline::net
