#pragma once

#include <functional>
#include <string>
#include <vector>

#include "net/asio.hpp"
#include "net/listen_socket.hpp"
#include "net/unique_fd.hpp"
#include "proxy/daemon/listen_sockets.hpp"

namespace trunkline::proxy {

// How a new process takes over from the one that serves, over the Unix socket `takeover_socket`. Both only need to be
// of the same user. Each word is one byte:
//
//     new: connects, gets ready to serve
//     new: '1' (take: version 1 of this)
//     old: 'd' with descriptors, any number of times: every socket that it listens on, this one among them; then '.'
//     new: 's' (I serve)
//     old: drains
//
// Both accept from the same sockets until the old one lets go, so nobody who connects meanwhile notices. Whenever the
// new one goes before its 's', the old one has lost nothing and serves on. A second one that comes meanwhile is told
// 'b' (busy).

/// The old process's side. Owned by the Application, on main's thread.
class HandOver {
  public:
    /// `descriptors`: what is handed over beside `socket`; open until `on_taken`, which is called once, on the context,
    /// when another process serves. `socket` is made private to this user. Throws std::runtime_error.
    HandOver(net::asio::io_context& context, net::ListenSocket socket, std::vector<int> descriptors,
             std::function<void()> on_taken);
    ~HandOver();
    HandOver(const HandOver&) = delete;
    HandOver& operator=(const HandOver&) = delete;

    /// Gives nothing any more. Idempotent.
    void stop();

  private:
    void await_peer();
    void on_peer();
    void take_peer(net::UniqueFd peer);
    void await_word();
    void on_word();
    protocol::Result<void> give();
    void lose_peer(const std::string& why);

    net::ListenSocket socket_;
    net::Descriptor arrivals_;  // watches socket_, does not own it
    net::Descriptor peer_;
    net::Timer again_;  // when there may be a descriptor for who waits
    std::vector<int> descriptors_;
    const std::function<void()> on_taken_;
};

/// The new process's side. Used on main's thread, which it blocks for moments.
class TakeOver {
  public:
    /// `connection_refused` or `no_such_file_or_directory` if no process serves there.
    static protocol::Result<TakeOver> connect(const std::string& path);

    /// Every socket of the other process. An error where it has ended, is being taken over by a third, or is stuck.
    protocol::Result<ListenSockets> take();

    /// Tells the other that its sockets are served here.
    void confirm();

  private:
    explicit TakeOver(net::UniqueFd peer) : peer_(std::move(peer)) {}

    net::UniqueFd peer_;
};

}  // namespace trunkline::proxy
