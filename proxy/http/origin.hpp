#pragma once

#include "proxy/http/authority.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace trunkline::proxy {

/// Which web pages may open a connection: the guard against cross-site WebSocket hijacking, on unless configured away.
/// Browsers always send `Origin` and pages cannot forge it; a client that sends none is no browser and passes.
///
/// Without a list the page must come from the host that was asked: host and port of the origin equal those of the
/// `Host` header, with the default port of the origin's scheme filled in on both sides. With a list exactly the listed
/// origins pass, so that a rebound name, whose pages are "the same host", does not. Immutable, any thread.
class OriginPolicy {
  public:
    /// Entries are `*` (anything) or full origins such as `https://example.com:8443`; the origin `null`, which every
    /// page can take on, cannot be listed. Throws `std::invalid_argument` naming an entry that is none of these.
    explicit OriginPolicy(const std::vector<std::string>& allow_origins);

    bool allows(std::optional<std::string_view> origin, const Authority& host) const;

  private:
    struct Origin {
        std::string scheme;
        Authority authority;  // with the scheme's default port filled in

        bool operator==(const Origin&) const = default;
    };
    static std::optional<Origin> parse(std::string_view text);

    // Constant after construction.
    std::vector<Origin> listed_;
    bool same_host_ = true;
    bool any_ = false;
};

}  // namespace trunkline::proxy
