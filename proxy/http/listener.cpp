#include "proxy/http/listener.hpp"

#include "proxy/http/http_answer.hpp"
#include "proxy/log/logging.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/error.hpp>

#include <string_view>

namespace trunkline::proxy {
namespace {

/// Enough to keep a socket busy, little enough to notice a slow one.
constexpr int kUnsentInKernelBytes = 64 << 10;

constexpr std::chrono::milliseconds kExhaustedPause{100};
constexpr int kMaxLastBatch = 4096;  // what the kernel keeps waiting at most

bool is_exhaustion(const boost::system::error_code& error) {
    namespace errc = boost::system::errc;
    return error == errc::too_many_files_open || error == errc::too_many_files_open_in_system ||
           error == errc::not_enough_memory || error == errc::no_buffer_space;
}

Refusal over_limit(RefuseReason reason) {
    auto refusal = unavailable(reason, "This proxy holds as many connections as it may.");
    if (reason == RefuseReason::address_limit) {
        refusal.status = 429;
        refusal.text = "Your address holds as many connections as it may.";
    }
    return refusal;
}

}  // namespace

Listener::Listener(net::Loop& loop, net::ListenSocket socket, const config::LimitSettings& limits,
                   ConnectionLimits& admission, HttpSessions& sessions)
    : loop_(loop),
      socket_(std::move(socket)),
      readable_(loop.executor(), socket_.fd()),
      admission_(admission),
      sessions_(sessions),
      rate_(limits.accept_rate, loop.now()) {
    // Inherited by the clients. The outbox is the bound of what waits for one, so the kernel may hold little beyond it.
    ::setsockopt(socket_.fd(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kUnsentInKernelBytes, sizeof kUnsentInKernelBytes);
}

Listener::~Listener() {
    if (state_ != State::stopped) readable_.release();
}

void Listener::start() { wait(); }

void Listener::stop(Waiting waiting) {
    if (state_ == State::stopped) return;
    for (int i = 0; waiting == Waiting::take && i < kMaxLastBatch && take_one() == Taken::one; ++i) continue;
    state_ = State::stopped;
    resume_.cancel();
    readable_.release();
    socket_.close();
}

void Listener::wait() {
    state_ = State::waiting;
    readable_.async_wait(net::asio::posix::descriptor_base::wait_read, [this](const boost::system::error_code& error) {
        if (!error && state_ == State::waiting) on_readable();
    });
}

void Listener::on_readable() {
    for (int i = 0; i < kMaxBatch; ++i) {
        if (rate_.ready_at() > loop_.now()) return pause_until(rate_.ready_at());
        const Taken taken = take_one();
        if (taken == Taken::failed) return pause_until(loop_.now() + kExhaustedPause);
        if (taken == Taken::none) break;
        rate_.take(loop_.now());
    }
    wait();
}

void Listener::pause_until(net::Clock::time_point when) {
    state_ = State::paused;
    loop_.schedule(resume_, when);
}

void Listener::on_resume(net::Clock::time_point) { wait(); }

Listener::Taken Listener::take_one() {
    auto accepted = net::accept(socket_.fd());
    if (!accepted) {
        if (accepted.error() == boost::system::errc::operation_would_block) return Taken::none;
        on_exhausted(accepted.error());
        return Taken::failed;
    }
    is_exhausted_ = false;

    auto client = std::move(accepted).value();
    auto admitted = admission_.admit(client.peer.host);
    if (const auto* reason = std::get_if<RefuseReason>(&admitted)) {
        sessions_.refuse(net::ByteStream(client.fd.release()), over_limit(*reason), {});
    } else {
        constexpr std::string_view kScheme = "tcp://";
        sessions_.serve(net::ByteStream(client.fd.release()), client.peer.to_string().substr(kScheme.size()),
                        std::get<ConnectionTicket>(std::move(admitted)));
    }
    return Taken::one;
}

void Listener::on_exhausted(const boost::system::error_code& error) {
    if (is_exhausted_) return;
    is_exhausted_ = true;
    log_error(is_exhaustion(error) ? "out of descriptors or memory for clients" : "cannot accept clients",
              {{"address", local().to_string()}, {"error", error.message()}});
}

}  // namespace trunkline::proxy
