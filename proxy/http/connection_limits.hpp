#pragma once

#include "config/settings.hpp"
#include "proxy/metrics/reasons.hpp"

#include <atomic>
#include <cstddef>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>

namespace trunkline::proxy {

class ConnectionLimits;

/// The right of one client socket to be open. Goes with the socket from part to part; its end gives the place back.
/// Any thread.
class [[nodiscard]] ConnectionTicket {
  public:
    ConnectionTicket() noexcept = default;
    ConnectionTicket(ConnectionTicket&& other) noexcept
        : limits_(std::exchange(other.limits_, nullptr)), address_(std::exchange(other.address_, nullptr)) {}
    ConnectionTicket& operator=(ConnectionTicket&& other) noexcept {
        std::swap(limits_, other.limits_);
        std::swap(address_, other.address_);
        return *this;
    }
    ~ConnectionTicket();

    explicit operator bool() const noexcept { return limits_ != nullptr; }

  private:
    friend class ConnectionLimits;
    ConnectionTicket(ConnectionLimits& limits, const std::string* address) noexcept
        : limits_(&limits), address_(address) {}

    ConnectionLimits* limits_ = nullptr;
    const std::string* address_ = nullptr;  // key in the table; null if addresses are not counted
};

/// How many clients may be open, in all and per address, over all workers. Outlives its tickets. Any thread: one locked
/// instruction per client, and a mutex where addresses are counted.
class ConnectionLimits {
  public:
    /// `limits.connections` of 0 stands for the open-files limit less 200, which files and refusals need, and less
    /// `links`, which must find a descriptor each whenever an app server comes back.
    explicit ConnectionLimits(const config::LimitSettings& limits, std::size_t links = 0);
    ConnectionLimits(const ConnectionLimits&) = delete;
    ConnectionLimits& operator=(const ConnectionLimits&) = delete;

    /// A place for a client of that address, or which limit is reached (connection_limit, address_limit).
    std::variant<ConnectionTicket, RefuseReason> admit(std::string_view address);

    std::size_t open() const noexcept { return open_.load(std::memory_order_relaxed); }

  private:
    friend class ConnectionTicket;
    void give_back(const std::string* address) noexcept;

    // Constant after construction.
    std::size_t limit_;
    std::size_t limit_per_address_;

    // Shared.
    std::atomic<std::size_t> open_{0};
    std::mutex mutex_;  // of the table
    std::unordered_map<std::string, std::size_t> open_by_address_;
};

}  // namespace trunkline::proxy
