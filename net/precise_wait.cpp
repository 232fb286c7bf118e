#include "net/precise_wait.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <ctime>

namespace trunkline::net {
namespace {

int wait_milliseconds(int epoll, std::span<epoll_event> events, Clock::duration longest) noexcept {
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(longest).count();
    return ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()),
                        static_cast<int>(std::min<std::int64_t>(ms, INT_MAX)));
}

}  // namespace

int precise_wait(int epoll, std::span<epoll_event> events, Clock::duration longest) noexcept {
    using std::chrono::seconds;
    const int count = static_cast<int>(events.size());
    if (longest <= Clock::duration::zero()) return ::epoll_wait(epoll, events.data(), count, 0);
    if (longest == Clock::duration::max()) return ::epoll_wait(epoll, events.data(), count, -1);
#ifdef SYS_epoll_pwait2
    static std::atomic<bool> is_known{true};  // a container may forbid it
    if (is_known.load(std::memory_order_relaxed)) {
        const auto whole = std::chrono::floor<seconds>(longest);
        const timespec timeout{static_cast<time_t>(whole.count()), std::chrono::nanoseconds(longest - whole).count()};
        const auto n = ::syscall(SYS_epoll_pwait2, epoll, events.data(), count, &timeout, nullptr, 0);
        if (n >= 0 || (errno != ENOSYS && errno != EPERM)) return static_cast<int>(n);
        is_known.store(false, std::memory_order_relaxed);
    }
#endif
    return wait_milliseconds(epoll, events, longest);
}

}  // namespace trunkline::net
