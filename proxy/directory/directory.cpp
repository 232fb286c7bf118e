#include "proxy/directory/directory.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace trunkline::proxy {
namespace {

static_assert(sizeof(Member) <= 24, "every session pays for this");

constexpr std::size_t kFewestSlots = 16;

/// Gives back what a burst has left, but never so much that the next few entries reallocate.
template <class T>
void shrink_if_sparse(std::vector<T>& entries) {
    if (entries.capacity() < 64 || entries.size() > entries.capacity() / 8) return;
    std::vector<T> smaller;
    smaller.reserve(entries.size() * 2);
    smaller.assign(entries.begin(), entries.end());
    entries.swap(smaller);
}

}  // namespace

Directory::~Directory() { assert(all_.empty()); }

bool Directory::add(Member& member, const protocol::ConnectionId& id, std::uint8_t key,
                    std::optional<std::string_view> user) {
    assert(readers_ == 0 && !member.is_in_directory());
    if (find(id) != nullptr) return false;
    if ((all_.size() + 1) * 4 > table_.size() * 3) rehash(std::max(kFewestSlots, table_.size() * 2));
    member.id_ = id;
    member.key_ = key;
    member.index_ = static_cast<std::uint32_t>(all_.size());
    all_.push_back({&member, kNone, key});
    table_[slot_of(id)] = member.index_;
    if (user) enter(make_set(users_, *user, true), member);
    return true;
}

void Directory::remove(Member& member) {
    if (!member.is_in_directory()) return;
    assert(readers_ == 0 && contains(member));
    leave_all(member);
    set_user(member, std::nullopt);

    const std::uint32_t index = member.index_;
    const auto last = static_cast<std::uint32_t>(all_.size() - 1);
    erase_slot(slot_of(member.id_));
    if (index != last) {
        table_[slot_of(all_[last].member->id_)] = index;
        all_[index] = all_[last];
        all_[index].member->index_ = index;
    }
    all_.pop_back();
    member.index_ = Member::kNowhere;

    shrink_if_sparse(all_);
    if (table_.size() > kFewestSlots * 4 && all_.size() < table_.size() / 8) rehash(table_.size() / 2);
}

void Directory::set_user(Member& member, std::optional<std::string_view> user) {
    assert(readers_ == 0 && contains(member));
    if (user_of(member) == user) return;
    if (const auto* const list = memberships_of(member)) {
        const auto old = std::find_if(list->begin(), list->end(), [](const auto& m) { return m.set->is_user; });
        if (old != list->end()) erase(*old->set, old->index);
    }
    if (user) enter(make_set(users_, *user, true), member);
}

bool Directory::join(Member& member, std::string_view group) {
    assert(readers_ == 0 && contains(member));
    Set& set = make_set(groups_, group, false);
    if (index_in(set, member) != kNone) return false;
    enter(set, member);
    return true;
}

bool Directory::leave(Member& member, std::string_view group) {
    assert(readers_ == 0 && contains(member));
    const auto it = groups_.find(group);
    if (it == groups_.end()) return false;
    const std::uint32_t index = index_in(it->second, member);
    if (index == kNone) return false;
    erase(it->second, index);
    return true;
}

std::size_t Directory::leave_all(Member& member) {
    assert(readers_ == 0 && contains(member));
    const auto* const list = memberships_of(member);
    if (list == nullptr) return 0;
    std::size_t left = 0;
    // Backwards: what fills a gap comes from the end and was looked at already.
    for (std::size_t i = list->size(); i-- > 0;) {
        const Membership membership = (*list)[i];
        if (membership.set->is_user) continue;
        erase(*membership.set, membership.index);
        ++left;
    }
    return left;
}

std::size_t Directory::join_user(std::string_view user, std::string_view group, HomeLane home) {
    std::size_t joined = 0;
    if (const Set* const set = find_set(users_, user)) {
        for (const Entry& entry : set->entries) {
            if (!home.is_home_of(entry.key)) continue;
            join(*entry.member, group);
            ++joined;
        }
    }
    return joined;
}

std::size_t Directory::leave_user(std::string_view user, std::string_view group, HomeLane home) {
    std::size_t left = 0;
    if (const Set* const set = find_set(users_, user)) {
        for (const Entry& entry : set->entries) {
            if (home.is_home_of(entry.key) && leave(*entry.member, group)) ++left;
        }
    }
    return left;
}

std::size_t Directory::leave_user_all(std::string_view user, HomeLane home) {
    std::size_t left = 0;
    if (const Set* const set = find_set(users_, user)) {
        for (const Entry& entry : set->entries) {
            if (home.is_home_of(entry.key) && leave_all(*entry.member) > 0) ++left;
        }
    }
    return left;
}

Member* Directory::find(const protocol::ConnectionId& id) const noexcept {
    if (table_.empty()) return nullptr;
    const std::uint32_t index = table_[slot_of(id)];
    return index == kNone ? nullptr : all_[index].member;
}

bool Directory::is_user_in_group(std::string_view user, std::string_view group, HomeLane home) const noexcept {
    const Set* const of_user = find_set(users_, user);
    const Set* const of_group = find_set(groups_, group);
    if (of_user == nullptr || of_group == nullptr) return false;
    return std::any_of(of_user->entries.begin(), of_user->entries.end(), [&](const Entry& entry) {
        return home.is_home_of(entry.key) && index_in(*of_group, *entry.member) != kNone;
    });
}

bool Directory::has_group(std::string_view group, HomeLane home) const noexcept {
    return has_any(find_set(groups_, group), home);
}

bool Directory::has_user(std::string_view user, HomeLane home) const noexcept {
    return has_any(find_set(users_, user), home);
}

std::optional<std::string_view> Directory::user_of(const Member& member) const noexcept {
    if (const auto* const list = memberships_of(member)) {
        for (const Membership& membership : *list) {
            if (membership.set->is_user) return membership.set->name;
        }
    }
    return std::nullopt;
}

bool Directory::contains(const Member& member) const noexcept {
    return member.index_ < all_.size() && all_[member.index_].member == &member;
}

const Directory::Set* Directory::find_set(const Sets& sets, std::string_view name) noexcept {
    const auto it = sets.find(name);
    return it == sets.end() ? nullptr : &it->second;
}

bool Directory::has_any(const Set* set, HomeLane home) noexcept {
    return set != nullptr && std::any_of(set->entries.begin(), set->entries.end(),
                                         [&](const Entry& entry) { return home.is_home_of(entry.key); });
}

Directory::Set& Directory::make_set(Sets& sets, std::string_view name, bool is_user) {
    if (const auto it = sets.find(name); it != sets.end()) return it->second;
    const auto it = sets.try_emplace(std::string(name)).first;
    it->second.name = it->first;
    it->second.is_user = is_user;
    return it->second;
}

const Directory::Memberships* Directory::memberships_of(const Member& member) const noexcept {
    if (!contains(member)) return nullptr;
    const std::uint32_t list = all_[member.index_].back;
    return list == kNone ? nullptr : &memberships_[list];
}

// Both lists know; the shorter one is asked.
std::uint32_t Directory::index_in(const Set& set, const Member& member) const noexcept {
    const auto* const list = memberships_of(member);
    if (list == nullptr) return kNone;
    if (list->size() <= set.entries.size()) {
        for (const Membership& membership : *list) {
            if (membership.set == &set) return membership.index;
        }
        return kNone;
    }
    for (std::size_t i = 0; i < set.entries.size(); ++i) {
        if (set.entries[i].member == &member) return static_cast<std::uint32_t>(i);
    }
    return kNone;
}

void Directory::enter(Set& set, Member& member) {
    std::uint32_t& back = all_[member.index_].back;
    if (back == kNone) {
        if (free_memberships_.empty()) {
            back = static_cast<std::uint32_t>(memberships_.size());
            memberships_.emplace_back();
        } else {
            back = free_memberships_.back();
            free_memberships_.pop_back();
        }
    }
    Memberships& list = memberships_[back];
    list.push_back({&set, static_cast<std::uint32_t>(set.entries.size())});
    set.entries.push_back({&member, static_cast<std::uint32_t>(list.size() - 1), member.key_});
}

void Directory::erase(Set& set, std::uint32_t index) {
    const Entry gone = set.entries[index];
    std::uint32_t& back = all_[gone.member->index_].back;
    Memberships& list = memberships_[back];

    // Each of the two gaps is filled with the last of its array, whose counterpart is told.
    set.entries[index] = set.entries.back();
    set.entries.pop_back();
    if (index < set.entries.size()) {
        const Entry& moved = set.entries[index];
        memberships_[all_[moved.member->index_].back][moved.back].index = index;
    }
    list[gone.back] = list.back();
    list.pop_back();
    if (gone.back < list.size()) list[gone.back].set->entries[list[gone.back].index].back = gone.back;

    if (list.empty()) {
        Memberships().swap(list);
        free_memberships_.push_back(std::exchange(back, kNone));
    }
    if (set.entries.empty()) {
        Sets& sets = set.is_user ? users_ : groups_;
        sets.erase(sets.find(set.name));
    } else {
        shrink_if_sparse(set.entries);
    }
}

// Where the id is, or the empty slot where it would be. The table is never full.
std::size_t Directory::slot_of(const protocol::ConnectionId& id) const noexcept {
    const std::size_t mask = table_.size() - 1;
    std::size_t slot = std::hash<protocol::ConnectionId>()(id) & mask;
    while (table_[slot] != kNone && all_[table_[slot]].member->id_ != id) slot = (slot + 1) & mask;
    return slot;
}

std::size_t Directory::home_slot(std::uint32_t index) const noexcept {
    return std::hash<protocol::ConnectionId>()(all_[index].member->id_) & (table_.size() - 1);
}

// Closes the gap instead of leaving a tombstone: what follows moves up unless that would put it before its home.
void Directory::erase_slot(std::size_t slot) noexcept {
    const std::size_t mask = table_.size() - 1;
    std::size_t gap = slot;
    for (std::size_t next = (gap + 1) & mask; table_[next] != kNone; next = (next + 1) & mask) {
        if (((next - home_slot(table_[next])) & mask) < ((next - gap) & mask)) continue;
        table_[gap] = table_[next];
        gap = next;
    }
    table_[gap] = kNone;
}

void Directory::rehash(std::size_t slots) {
    std::vector<std::uint32_t>(slots, kNone).swap(table_);
    for (std::uint32_t index = 0; index < all_.size(); ++index) table_[slot_of(all_[index].member->id_)] = index;
}

}  // namespace trunkline::proxy
