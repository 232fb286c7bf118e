#include "proxy/attachments/attachment_state.hpp"

#include <catch2/catch.hpp>
#include <set>
#include <vector>

using trunkline::proxy::kAttachmentStates;
using trunkline::proxy::may_follow;
using State = trunkline::proxy::AttachmentState;

namespace {

std::vector<State> all_states() {
    std::vector<State> states;
    for (std::size_t i = 0; i < kAttachmentStates; ++i) states.push_back(static_cast<State>(i));
    return states;
}

std::set<State> reachable_from(State from) {
    std::set<State> reached{from};
    for (bool grew = true; grew;) {
        grew = false;
        for (const State at : std::set<State>(reached)) {
            for (const State next : all_states()) grew = (may_follow(at, next) && reached.insert(next).second) || grew;
        }
    }
    return reached;
}

}  // namespace

TEST_CASE("attachment state: every state is reached from the first, and reaches the last", "[proxy][attachments]") {
    CHECK(reachable_from(State::unopened).size() == kAttachmentStates);
    for (const State state : all_states()) CHECK(reachable_from(state).count(State::ended) == 1);
}

TEST_CASE("attachment state: an end is final, and no state follows itself", "[proxy][attachments]") {
    CHECK(reachable_from(State::ended).size() == 1);
    for (const State state : all_states()) CHECK_FALSE(may_follow(state, state));
}

TEST_CASE("attachment state: what is told twice or out of order is in no row", "[proxy][attachments]") {
    CHECK_FALSE(may_follow(State::closing, State::held));    // its client has left
    CHECK_FALSE(may_follow(State::moving, State::closing));  // Detach is the last word there
    CHECK_FALSE(may_follow(State::moving, State::open));     // without an Open at another app server
    CHECK_FALSE(may_follow(State::held, State::moving));     // there is no app server to leave
    CHECK_FALSE(may_follow(State::asking, State::held));     // it was never open
    CHECK_FALSE(may_follow(State::open, State::asking));
}
