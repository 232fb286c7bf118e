#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/unit/model/rules.hpp"

namespace trunkline::model {

enum class Fault : unsigned char {
    cut,         ///< all links between two processes fall silent, for a time
    half,        ///< in one direction
    one_flow,    ///< one of them, for ever
    one_reset,   ///< some of them are closed, but one end alone hears of it
    cut_lane,    ///< whatever links carry one lane fall silent
    flap,        ///< short moments in which something gets through, in a long outage
    slow_links,  ///< some links take seconds, and all are lost now and then
    trap,        ///< all links are lost, each lane is attached once more, but the last answer gets lost
    stop,        ///< SIGSTOP of an app server
    stutter,     ///< again and again
    kill,        ///< of its process
    crash,       ///< of its host, which says no goodbye
    twin,        ///< another process takes its address, and it lives on
    replace,     ///< it is cut off, busy, and then another process takes its address
    drain,
    hold_up,  ///< callbacks take very long, and then something else happens
    poison,   ///< one message kills whoever handles it
    leave,    ///< of a client
    stop_proxy,
    restart_proxy,
    crash_proxy,
    takeover,   ///< a second life of the proxy beside the first
    bad_frame,  ///< the proxy ends a pool by its own will
    middlebox   ///< what stands in between goes, and what comes in its place refuses
};

struct Schedule {
    std::uint64_t seed = 0;
    Rules rules;
    std::vector<Fault> always;   ///< among its faults in any case
    bool has_middlebox = false;  ///< something stands in between that answers for app servers
    bool is_traced = false;      ///< prints what happens
};

/// Runs two app servers and a proxy, or several, through random faults, then heals everything and looks whether all
/// promises were kept:
///   P1  each attachment is opened once, then closed once, and nothing comes outside of that;
///   P2  a connection never has two owners;
///   P3  a client's messages are handled in order, none lost, none twice without the flag;
///   P4  an answer reaches the proxy once;
///   P5  in the end each connection is open at exactly one live app server, and is answered.
/// Returns the one that was not, or nothing.
std::string run(const Schedule& schedule);

}  // namespace trunkline::model
