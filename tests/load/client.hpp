#pragma once

#include <cstdint>
#include <limits>
#include <string_view>
#include <unordered_map>

#include "tests/load/client_socket.hpp"
#include "tests/load/ledger.hpp"

namespace trunkline::load {

class Worker;

/// One simulated client: its socket, and its side of the ledger. Owned by its worker, used on its thread; read by the
/// main thread once all threads have ended.
struct Client final : SocketOwner {
    static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

    Client(Worker& its_worker, std::uint32_t its_id, std::uint32_t its_slot)
        : worker(its_worker), id(its_id), slot(its_slot) {}

    void on_open() override;
    void on_message(std::string_view payload) override;
    void on_closed() override;

    Worker& worker;
    const std::uint32_t id;    ///< of all clients of the run, in all shards
    const std::uint32_t slot;  ///< in its worker
    ClientSocket socket;
    bool reads = true;  ///< false: what comes stays with the kernel (slow-reader)
    std::int64_t connecting_ns = 0;

    // As a sender.
    SendLog log;  ///< when each of its messages was sent

    // As a receiver.
    std::int64_t joined_ns = kNever;  ///< its membership was confirmed; before that, what comes is uncertain
    std::int64_t left_ns = kNever;    ///< it began to leave, or was closed
    std::unordered_map<std::uint32_t, Stream> streams;  ///< by sender
    std::uint64_t misdelivered = 0;
};

}  // namespace trunkline::load
