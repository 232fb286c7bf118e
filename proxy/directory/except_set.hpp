#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <string_view>
#include <vector>

#include "proxy/directory/directory.hpp"

namespace trunkline::proxy {

/// Who is left out of one fan-out. Ids are looked up once, and what is not here counts for nothing, so that choosing
/// among thousands compares pointers. Made for one fan-out; valid until the directory changes.
class ExceptSet {
  public:
    /// The text of a connection id, as it stands in a frame; what is no id, or is not here, is ignored.
    void add_connection(const Directory& directory, std::string_view id) {
        const auto parsed = protocol::ConnectionId::parse(id);
        if (!parsed) return;
        if (const Member* const member = directory.find(*parsed)) members_.push_back(member);
    }
    void add_user(const Directory& directory, std::string_view user) {
        directory.for_each_of_user(user, [&](const Member& member) { members_.push_back(&member); });
    }
    /// After the last `add`, before the first `contains`.
    void seal() {
        if (members_.size() > kScan) std::sort(members_.begin(), members_.end(), std::less<>());
    }

    bool contains(const Member& member) const noexcept {
        if (members_.size() > kScan) {
            return std::binary_search(members_.begin(), members_.end(), &member, std::less<>());
        }
        return std::find(members_.begin(), members_.end(), &member) != members_.end();
    }

  private:
    static constexpr std::size_t kScan = 8;  ///< so few are compared one by one

    std::vector<const Member*> members_;
};

}  // namespace trunkline::proxy
