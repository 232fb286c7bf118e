#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "appserver-sdk/src/core/admission.hpp"
#include "appserver-sdk/src/core/log.hpp"
#include "appserver-sdk/src/incoming_link.hpp"
#include "appserver-sdk/src/link_listener.hpp"
#include "net/loop.hpp"

namespace trunkline {

/// The links that proxies dial: the addresses where they are accepted, the link key, and all that are there, with a
/// lane or not yet. On the loop.
class Links {
  public:
    Links(net::Loop& loop, const Options& options, const protocol::Hello& own_hello, Admission& admission,
          const Log& log);

    /// See AppServer::listen.
    Result<std::string> listen(std::string_view address);
    /// Accepts no more links; those that are there stay.
    void stop_listening() { listeners_.clear(); }

    /// Frees the link at the end of the turn.
    void remove(IncomingLink& link);
    /// Stops listening and frees all links.
    void clear();

  private:
    std::error_code load_key();
    void on_accepted(net::ByteStream stream, const net::LinkKey& key);

    net::Loop& loop_;
    const Options& options_;
    const protocol::Hello& own_hello_;
    Admission& admission_;
    const Log& log_;
    std::string key_;
    std::vector<std::unique_ptr<LinkListener>> listeners_;
    std::unordered_map<IncomingLink*, std::unique_ptr<IncomingLink>> links_;
    bool is_turning_away_ = false;
};

}  // namespace trunkline
