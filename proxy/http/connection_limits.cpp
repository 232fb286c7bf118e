#include "proxy/http/connection_limits.hpp"

#include <sys/resource.h>

#include <algorithm>

namespace trunkline::proxy {
namespace {

constexpr std::size_t kOtherFiles = 200;

std::size_t open_files_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
    return static_cast<std::size_t>(limit.rlim_cur);  // RLIM_INFINITY is the largest number there is
}

}  // namespace

ConnectionTicket::~ConnectionTicket() {
    if (limits_ != nullptr) limits_->give_back(address_);
}

ConnectionLimits::ConnectionLimits(const config::LimitSettings& limits, std::size_t links)
    : limit_(limits.connections), limit_per_address_(limits.accept_per_address) {
    if (limit_ == 0) limit_ = std::max(open_files_limit(), kOtherFiles + links + 1) - kOtherFiles - links;
}

std::variant<ConnectionTicket, RefuseReason> ConnectionLimits::admit(std::string_view address) {
    if (open_.fetch_add(1, std::memory_order_relaxed) >= limit_) {
        open_.fetch_sub(1, std::memory_order_relaxed);
        return RefuseReason::connection_limit;
    }
    ConnectionTicket ticket(*this, nullptr);
    if (limit_per_address_ != 0) {
        const std::lock_guard lock(mutex_);
        const auto entry = open_by_address_.try_emplace(std::string(address), 0).first;
        if (entry->second >= limit_per_address_) return RefuseReason::address_limit;
        ++entry->second;
        ticket.address_ = &entry->first;
    }
    return ticket;
}

void ConnectionLimits::give_back(const std::string* address) noexcept {
    open_.fetch_sub(1, std::memory_order_relaxed);
    if (address == nullptr) return;
    const std::lock_guard lock(mutex_);
    const auto entry = open_by_address_.find(*address);
    if (--entry->second == 0) open_by_address_.erase(entry);
}

}  // namespace trunkline::proxy
