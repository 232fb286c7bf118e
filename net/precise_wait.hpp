#pragma once

#include <sys/epoll.h>

#include <span>

#include "net/clock.hpp"

namespace trunkline::net {

/// epoll_wait(2) with a time-out that is not cut to milliseconds where the kernel knows epoll_pwait2(2) (5.11), and
/// else rounded up to them. The maximum means without end.
int precise_wait(int epoll, std::span<epoll_event> events, Clock::duration longest) noexcept;

}  // namespace trunkline::net
