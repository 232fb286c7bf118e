#include "net/link/dialler.hpp"

#include <boost/asio/error.hpp>
#include <utility>

namespace trunkline::net {

Dialler::Dialler(Loop& loop, Endpoint address, const Times& times, OnDialled on_dialled)
    : loop_(loop),
      address_(std::move(address)),
      times_(times),
      on_dialled_(std::move(on_dialled)),
      backoff_(times.retry_min, times.retry_max),
      random_(std::random_device{}()),
      connector_(loop.executor()) {}

void Dialler::dial() {
    is_dialling_ = true;
    loop_.schedule(time_, loop_.now() + times_.connect);
    connector_.async_connect(address_, [this](const boost::system::error_code& ec, UniqueFd fd) {
        if (ec == asio::error::operation_aborted) return;  // this may be gone
        cancel();
        on_dialled_(ec, std::move(fd));
    });
}

void Dialler::dial_later() {
    cancel();
    loop_.schedule(time_, loop_.now() + backoff_.next(random_));
}

void Dialler::cancel() {
    is_dialling_ = false;
    time_.cancel();
    connector_.cancel();
}

void Dialler::on_time(Clock::time_point) {
    if (!std::exchange(is_dialling_, false)) return dial();
    connector_.cancel();
    on_dialled_(asio::error::timed_out, UniqueFd());
}

}  // namespace trunkline::net
