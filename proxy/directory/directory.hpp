#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "proxy/directory/member.hpp"
#include "trunkline/protocol/ids.hpp"

namespace trunkline::proxy {

/// The connections, groups and users of one upstream on one worker: where a send finds its receivers. It owns no
/// member; a member is removed before it is destroyed. One thread, the worker's.
///
/// A connection without group and user costs 24 bytes in its session and 22 to 43 here (an entry of 16 bytes and a
/// table slot of 4, each with the slack of its array); a user or first group some 80 more, and each further group 32.
/// Reading a set touches only its dense array until a member is chosen. Names are looked up without making a string; a
/// group or user without connections does not exist.
///
/// A callback of `for_each...` must not change the directory (asserted). Who closes what it finds collects first.
class Directory {
  public:
    Directory() = default;
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;
    /// Empty by then.
    ~Directory();

    /// False, and nothing is changed, if the id is here already.
    [[nodiscard]] bool add(Member& member, const protocol::ConnectionId& id, std::uint8_t key,
                           std::optional<std::string_view> user = std::nullopt);
    /// Leaves its groups and its user too. Nothing happens to a member that is in no directory.
    void remove(Member& member);
    /// The connection belongs to `user` from now on, whomever it belonged to. An empty name is a user too.
    void set_user(Member& member, std::optional<std::string_view> user);

    /// False if it was in the group already.
    bool join(Member& member, std::string_view group);
    /// False if it was not in the group.
    bool leave(Member& member, std::string_view group);
    /// How many groups it was in.
    std::size_t leave_all(Member& member);

    // The same for the present connections of a user, those of one lane.

    /// How many connections this concerns, in the group before or not; 0 if the user has none here.
    std::size_t join_user(std::string_view user, std::string_view group, HomeLane home = {});
    /// How many connections were in the group.
    std::size_t leave_user(std::string_view user, std::string_view group, HomeLane home = {});
    /// From all groups; how many connections were in any.
    std::size_t leave_user_all(std::string_view user, HomeLane home = {});

    Member* find(const protocol::ConnectionId& id) const noexcept;
    /// Whether any of the user's connections of this lane is in the group.
    bool is_user_in_group(std::string_view user, std::string_view group, HomeLane home = {}) const noexcept;
    /// Whether any connection of this lane belongs to it.
    bool has_group(std::string_view group, HomeLane home = {}) const noexcept;
    bool has_user(std::string_view user, HomeLane home = {}) const noexcept;
    /// The name lives as long as the member belongs to it.
    std::optional<std::string_view> user_of(const Member& member) const noexcept;

    /// `visit(std::string_view)` for each group of a member.
    template <class Visit>
    void for_each_group_of(const Member& member, Visit&& visit) const {
        const Memberships* memberships = memberships_of(member);
        if (memberships == nullptr) return;
        for (const Membership& membership : *memberships) {
            if (!membership.set->is_user) visit(membership.set->name);
        }
    }

    std::size_t size() const noexcept { return all_.size(); }
    std::size_t group_count() const noexcept { return groups_.size(); }
    std::size_t user_count() const noexcept { return users_.size(); }

    // `visit(Member&)` for each connection of a set whose home is that lane, in no promised order.

    template <class Visit>
    void for_each(Visit&& visit, HomeLane home = {}) const {
        for_each_of(all_, home, visit);
    }
    template <class Visit>
    void for_each_in_group(std::string_view group, Visit&& visit, HomeLane home = {}) const {
        if (const auto it = groups_.find(group); it != groups_.end()) for_each_of(it->second.entries, home, visit);
    }
    template <class Visit>
    void for_each_of_user(std::string_view user, Visit&& visit, HomeLane home = {}) const {
        if (const auto it = users_.find(user); it != users_.end()) for_each_of(it->second.entries, home, visit);
    }

  private:
    static constexpr std::uint32_t kNone = 0xffffffff;

    /// A member in a dense array. The key stands here too, so that choosing by lane touches no member.
    struct Entry {
        Member* member;
        std::uint32_t back;  ///< among all: its list in memberships_, or kNone; in a set: its place in that list
        std::uint8_t key;
    };
    static_assert(sizeof(Entry) <= 16);

    /// A group or a user.
    struct Set {
        std::vector<Entry> entries;
        std::string_view name;  ///< the key of its node
        bool is_user = false;
    };
    struct Membership {
        Set* set;
        std::uint32_t index;  ///< in set->entries
    };
    using Memberships = std::vector<Membership>;

    struct NameHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view name) const noexcept { return std::hash<std::string_view>()(name); }
    };
    /// Its nodes stay where they are, so memberships point into it.
    using Sets = std::unordered_map<std::string, Set, NameHash, std::equal_to<>>;

    struct Reading {
        explicit Reading(const Directory& read) noexcept : directory(read) { ++directory.readers_; }
        ~Reading() { --directory.readers_; }
        Reading(const Reading&) = delete;
        Reading& operator=(const Reading&) = delete;
        const Directory& directory;
    };

    template <class Visit>
    void for_each_of(const std::vector<Entry>& entries, HomeLane home, Visit& visit) const {
        const Reading reading(*this);
        for (const Entry& entry : entries) {
            if (home.is_home_of(entry.key)) visit(*entry.member);
        }
    }

    bool contains(const Member& member) const noexcept;
    static const Set* find_set(const Sets& sets, std::string_view name) noexcept;
    static bool has_any(const Set* set, HomeLane home) noexcept;
    static Set& make_set(Sets& sets, std::string_view name, bool is_user);
    const Memberships* memberships_of(const Member& member) const noexcept;
    std::uint32_t index_in(const Set& set, const Member& member) const noexcept;
    void enter(Set& set, Member& member);
    void erase(Set& set, std::uint32_t index);

    // The index by id: open addressing with linear probing, 4 bytes per slot, each the place of an entry in all_.
    std::size_t slot_of(const protocol::ConnectionId& id) const noexcept;
    std::size_t home_slot(std::uint32_t index) const noexcept;
    void erase_slot(std::size_t slot) noexcept;
    void rehash(std::size_t slots);

    std::vector<Entry> all_;
    std::vector<std::uint32_t> table_;  ///< a power of two, or nothing yet
    Sets groups_;
    Sets users_;
    std::vector<Memberships> memberships_;  ///< only of members that have any
    std::vector<std::uint32_t> free_memberships_;
    mutable unsigned readers_ = 0;  ///< running for_each calls
};

}  // namespace trunkline::proxy
