#include "proxy/directory/directory.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "proxy/directory/except_set.hpp"

using namespace trunkline::proxy;
using trunkline::protocol::ConnectionId;

namespace {

struct Connection : Member {};

ConnectionId id_of(std::uint64_t number, std::uint64_t hash) {
    ConnectionId id;
    std::memcpy(id.bytes.data(), &number, sizeof number);
    std::memcpy(id.bytes.data() + 8, &hash, sizeof hash);
    return id;
}

/// A directory and its connections 0, 1, 2, …, each with its number as key.
struct Fixture {
    explicit Fixture(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) connections.push_back(std::make_unique<Connection>());
    }
    ~Fixture() {
        for (auto& connection : connections) directory.remove(*connection);
    }

    Connection& operator[](std::size_t i) { return *connections[i]; }
    static ConnectionId id(std::size_t i) { return id_of(i, i * 0x9e3779b97f4a7c15); }

    void add(std::size_t i, std::optional<std::string_view> user = std::nullopt) {
        REQUIRE(directory.add(*connections[i], id(i), static_cast<std::uint8_t>(i), user));
    }

    using Numbers = std::set<std::size_t>;
    auto collect(Numbers& numbers) {
        return [this, &numbers](Member& member) {
            const auto it = std::find_if(connections.begin(), connections.end(),
                                         [&](const auto& connection) { return connection.get() == &member; });
            REQUIRE(it != connections.end());
            CHECK(numbers.insert(static_cast<std::size_t>(it - connections.begin())).second);
        };
    }
    Numbers all(HomeLane home = {}) {
        Numbers numbers;
        directory.for_each(collect(numbers), home);
        return numbers;
    }
    Numbers group(std::string_view name, HomeLane home = {}) {
        Numbers numbers;
        directory.for_each_in_group(name, collect(numbers), home);
        return numbers;
    }
    Numbers user(std::string_view name, HomeLane home = {}) {
        Numbers numbers;
        directory.for_each_of_user(name, collect(numbers), home);
        return numbers;
    }

    Directory directory;
    std::vector<std::unique_ptr<Connection>> connections;
};

using Numbers = Fixture::Numbers;

}  // namespace

TEST_CASE("Directory: connections are found by id", "[proxy][directory]") {
    Fixture f(3);
    CHECK(f.directory.find(Fixture::id(0)) == nullptr);
    f.add(0);
    f.add(1, "ann");
    CHECK(f.directory.find(Fixture::id(0)) == &f[0]);
    CHECK(f.directory.find(Fixture::id(1)) == &f[1]);
    CHECK(f.directory.find(Fixture::id(2)) == nullptr);
    CHECK(f[1].connection_id() == Fixture::id(1));
    CHECK(f[1].key() == 1);

    CHECK_FALSE(f.directory.add(f[2], Fixture::id(1), 7, "bob"));
    CHECK_FALSE(f[2].is_in_directory());
    CHECK_FALSE(f.directory.has_user("bob"));

    f.directory.remove(f[0]);
    f.directory.remove(f[0]);
    CHECK(f.directory.find(Fixture::id(0)) == nullptr);
    CHECK(f.directory.find(Fixture::id(1)) == &f[1]);
    CHECK(f.directory.size() == 1);
}

TEST_CASE("Directory: joining and leaving say whether they changed anything", "[proxy][directory]") {
    Fixture f(2);
    f.add(0, "ann");
    f.add(1);
    CHECK(f.directory.join(f[0], "room"));
    CHECK_FALSE(f.directory.join(f[0], "room"));
    CHECK(f.directory.join(f[1], "room"));
    CHECK(f.directory.join(f[0], ""));
    CHECK(f.directory.join(f[0], "ann"));  // a group and a user of one name have nothing in common
    CHECK(f.group("room") == Numbers{0, 1});
    CHECK(f.group("ann") == Numbers{0});
    CHECK(f.group("") == Numbers{0});
    CHECK(f.directory.group_count() == 3);

    CHECK_FALSE(f.directory.leave(f[1], "ann"));
    CHECK_FALSE(f.directory.leave(f[1], "nowhere"));
    CHECK(f.directory.leave(f[1], "room"));
    CHECK_FALSE(f.directory.leave(f[1], "room"));
    CHECK(f.group("room") == Numbers{0});
    CHECK(f.directory.leave_all(f[0]) == 3);
    CHECK(f.directory.leave_all(f[0]) == 0);
    CHECK(f.directory.group_count() == 0);
    CHECK(f.directory.user_of(f[0]) == std::string_view("ann"));
    CHECK(f.user("ann") == Numbers{0});
}

TEST_CASE("Directory: a removed connection is gone from everywhere", "[proxy][directory]") {
    Fixture f(3);
    for (std::size_t i = 0; i < 3; ++i) {
        f.add(i, "ann");
        f.directory.join(f[i], "a");
        f.directory.join(f[i], "b");
    }
    f.directory.remove(f[1]);
    CHECK(f.all() == Numbers{0, 2});
    CHECK(f.group("a") == Numbers{0, 2});
    CHECK(f.group("b") == Numbers{0, 2});
    CHECK(f.user("ann") == Numbers{0, 2});
    f.directory.remove(f[0]);
    f.directory.remove(f[2]);
    CHECK(f.directory.group_count() == 0);
    CHECK(f.directory.user_count() == 0);
    f.add(1);
    CHECK(f.directory.leave_all(f[1]) == 0);
    CHECK_FALSE(f.directory.user_of(f[1]).has_value());
}

TEST_CASE("Directory: a connection's user can be set later", "[proxy][directory]") {
    Fixture f(2);
    f.add(0);
    f.add(1, "");
    CHECK(f.directory.has_user(""));
    CHECK(f.directory.user_of(f[1]) == std::string_view());
    f.directory.set_user(f[0], "ann");
    f.directory.set_user(f[1], "ann");
    CHECK_FALSE(f.directory.has_user(""));
    CHECK(f.user("ann") == Numbers{0, 1});
    f.directory.set_user(f[0], f.directory.user_of(f[0]));
    f.directory.set_user(f[0], std::nullopt);
    CHECK(f.user("ann") == Numbers{1});
}

TEST_CASE("Directory: a lane concerns its own connections", "[proxy][directory]") {
    Fixture f(256);
    for (std::size_t i = 0; i < 256; ++i) {
        f.add(i, "ann");
        f.directory.join(f[i], "room");
    }
    const auto lanes = GENERATE(1U, 2U, 3U, 5U, 256U, 300U);
    std::size_t total = 0;
    for (std::uint32_t lane = 0; lane < lanes; ++lane) {
        const HomeLane home{lane, lanes};
        const auto here = f.all(home);
        total += here.size();
        CHECK(here == f.group("room", home));
        CHECK(here == f.user("ann", home));
        CHECK(f.directory.has_group("room", home) == !here.empty());
        CHECK(f.directory.has_user("ann", home) == !here.empty());
        for (const auto i : here) CHECK(i % lanes == lane);
    }
    CHECK(total == 256);
}

TEST_CASE("Directory: a user's connections join and leave together", "[proxy][directory]") {
    Fixture f(5);
    for (std::size_t i = 0; i < 4; ++i) f.add(i, "ann");
    f.add(4, "bob");
    f.directory.join(f[4], "room");
    f.directory.join(f[0], "room");

    CHECK(f.directory.join_user("ann", "room", {0, 2}) == 2);
    CHECK(f.group("room") == Numbers{0, 2, 4});
    CHECK(f.directory.is_user_in_group("ann", "room", {0, 2}));
    CHECK_FALSE(f.directory.is_user_in_group("ann", "room", {1, 2}));
    CHECK(f.directory.join_user("ann", "room") == 4);
    CHECK(f.directory.join_user("nobody", "other") == 0);
    CHECK_FALSE(f.directory.has_group("other"));

    CHECK(f.directory.leave_user("ann", "room", {1, 2}) == 2);
    CHECK(f.directory.leave_user("ann", "room") == 2);
    CHECK(f.directory.leave_user("ann", "room") == 0);
    CHECK(f.group("room") == Numbers{4});
    f.directory.join_user("ann", "x");
    f.directory.join_user("ann", "y", {0, 2});
    CHECK(f.directory.leave_user_all("ann", {1, 2}) == 2);
    CHECK(f.directory.leave_user_all("ann") == 2);
    CHECK(f.directory.leave_user_all("nobody") == 0);
    CHECK(f.directory.group_count() == 1);
    CHECK(f.user("ann") == Numbers{0, 1, 2, 3});
}

TEST_CASE("ExceptSet: leaves out connections and users, few or many", "[proxy][directory]") {
    const auto count = GENERATE(0U, 1U, 8U, 9U, 50U);
    Fixture f(60);
    for (std::size_t i = 0; i < 60; ++i) f.add(i, i == 59 ? std::optional<std::string_view>("ann") : std::nullopt);
    ExceptSet except;
    except.add_connection(f.directory, "not an id");
    except.add_connection(f.directory, Fixture::id(1000).to_string());
    for (std::size_t i = 0; i < count; ++i) except.add_connection(f.directory, Fixture::id(i).to_string());
    except.add_user(f.directory, "ann");
    except.add_user(f.directory, "nobody");
    except.seal();
    for (std::size_t i = 0; i < 60; ++i) CHECK(except.contains(f[i]) == (i < count || i == 59));
}

TEST_CASE("Directory: random operations agree with plain sets", "[proxy][directory]") {
    const auto seed = GENERATE(range(0U, 8U));
    CAPTURE(seed);
    std::mt19937 random(seed);
    const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random()) % n; };
    constexpr std::size_t kConnections = 150;
    const std::vector<std::string> names{"", "a", "b", "c", "d", "a longer name than fits into a string object", "e"};
    // Few hash values, so that probing and closing gaps meet each other, across the end of the table too.
    const bool collide = seed % 2 == 0;
    const auto id = [&](std::size_t i) {
        return id_of(i, collide ? std::uint64_t{0} - 3 + i % 5 : i * 0x9e3779b97f4a7c15);
    };

    struct Model {
        std::optional<std::string> user;
        std::set<std::string> groups;
    };
    Fixture f(kConnections);
    std::map<std::size_t, Model> model;

    for (int step = 0; step < 3000; ++step) {
        const auto i = below(kConnections);
        const auto& name = names[below(names.size())];
        const HomeLane home{static_cast<std::uint32_t>(below(3)), 3};
        const auto of_user = [&](auto&& act) {
            std::size_t count = 0;
            for (auto& [number, connection] : model) {
                if (connection.user == name && number % 3 == home.lane && act(connection)) ++count;
            }
            return count;
        };
        const auto& group = names[below(names.size())];
        // Growing for a while, then shrinking.
        const bool present = model.count(i) != 0;
        const auto choice = below(20);
        if (choice < (step % 1000 < 500 ? 6U : 2U)) {
            if (present) continue;
            const auto user = below(2) == 0 ? std::optional<std::string>(name) : std::nullopt;
            REQUIRE(f.directory.add(f[i], id(i), static_cast<std::uint8_t>(i), user));
            model[i].user = user;
        } else if (choice < 8) {
            f.directory.remove(f[i]);
            model.erase(i);
        } else if (choice < 10) {
            CHECK(f.directory.join_user(name, group, home) == of_user([&](Model& m) {
                      m.groups.insert(group);
                      return true;
                  }));
        } else if (choice < 12) {
            CHECK(f.directory.leave_user(name, group, home) ==
                  of_user([&](Model& m) { return m.groups.erase(group) > 0; }));
        } else if (choice == 12) {
            CHECK(f.directory.leave_user_all(name, home) == of_user([&](Model& m) {
                      const bool any = !m.groups.empty();
                      m.groups.clear();
                      return any;
                  }));
        } else if (!present) {
            CHECK(f.directory.find(id(i)) == nullptr);
        } else if (choice < 16) {
            CHECK(f.directory.join(f[i], group) == model[i].groups.insert(group).second);
        } else if (choice < 18) {
            CHECK(f.directory.leave(f[i], group) == (model[i].groups.erase(group) > 0));
        } else if (choice == 18) {
            CHECK(f.directory.leave_all(f[i]) == model[i].groups.size());
            model[i].groups.clear();
        } else {
            f.directory.set_user(f[i], name);
            model[i].user = name;
        }
        if (step % 10 != 0) continue;

        std::map<std::string, Numbers> groups;
        std::map<std::string, Numbers> users;
        Numbers all;
        for (const auto& [number, connection] : model) {
            all.insert(number);
            if (connection.user) users[*connection.user].insert(number);
            for (const auto& joined : connection.groups) groups[joined].insert(number);
            CHECK(f.directory.user_of(f[number]).has_value() == connection.user.has_value());
        }
        REQUIRE(f.all() == all);
        for (const auto& each : names) {
            REQUIRE(f.group(each) == groups[each]);
            REQUIRE(f.user(each) == users[each]);
            const auto any = [&](const auto& number) {
                return number % 3 == home.lane && model[number].groups.count(each);
            };
            CHECK(f.directory.is_user_in_group(name, each, home) ==
                  std::any_of(users[name].begin(), users[name].end(), any));
        }
        const auto filled = [](const auto& sets) {
            return std::count_if(sets.begin(), sets.end(), [](const auto& entry) { return !entry.second.empty(); });
        };
        CHECK(f.directory.group_count() == static_cast<std::size_t>(filled(groups)));
        CHECK(f.directory.user_count() == static_cast<std::size_t>(filled(users)));
        for (std::size_t number = 0; number < kConnections; ++number) {
            REQUIRE(f.directory.find(id(number)) == (model.count(number) ? &f[number] : nullptr));
        }
    }
}
