#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "net/byte_stream.hpp"
#include "net/loop.hpp"

#include <trunkline/error.hpp>

namespace trunkline {

/// Accepts the sockets of links at one address. Owned by Core, used on its loop.
class LinkListener {
  public:
    using OnAccepted = std::function<void(net::ByteStream stream)>;

    virtual ~LinkListener() = default;
    LinkListener(const LinkListener&) = delete;
    LinkListener& operator=(const LinkListener&) = delete;

    /// The address that a proxy can dial, with the port that was chosen.
    virtual const std::string& address() const noexcept = 0;

    /// Listens at `tcp://address:port` or `unix:///path`, see `AppServer::listen`.
    static Result<std::unique_ptr<LinkListener>> open(net::Loop& loop, std::string_view address,
                                                      OnAccepted on_accepted);

    /// Whether links at this address are only made from this machine, so that they need no key. False for what is no
    /// address at all.
    static bool is_local(std::string_view address) noexcept;

  protected:
    LinkListener() = default;
};

}  // namespace trunkline
